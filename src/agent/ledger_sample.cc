// SPDX-License-Identifier: Apache-2.0
// Reads a tenant's ledger without trusting a byte of it.
#include "agent/ledger_sample.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <string>

#include "os/descriptor.h"
#include "shim/abi/files.h"
#include "shim/abi/guarded_mapping.h"
#include "shim/abi/ledger.h"

namespace melon::agent {
namespace {

struct FlagKind {
  abi::ProcessFlag bit;
  EventKind kind;
};

constexpr std::array kFlagKinds = {
    FlagKind{abi::kFlagPrivateLedger, "private_ledger"},
    FlagKind{abi::kFlagTooManyProcesses, "too_many_processes"},
    FlagKind{abi::kFlagNoTimer, "no_timer"},
    FlagKind{abi::kFlagUnknownSymbol, "unknown_symbol"},
};

const char* breach_text(abi::Breach breach) {
  switch (breach) {
    case abi::Breach::kNone:
      return "";
    case abi::Breach::kHeader:
      return "its header is not one of this version";
    case abi::Breach::kTotal:
      return "its total is not the sum of its processes";
    case abi::Breach::kAmount:
      return "it holds an impossible amount";
    case abi::Breach::kTwoSlots:
      return "one process holds two slots";
  }
  return "it breaks an unknown rule";
}

void read_devices(const abi::LedgerFile& ledger, unsigned count, LedgerSample& sample) {
  for (unsigned i = 0; i < count; ++i) {
    const abi::DeviceAccount& account = ledger.devices[i];
    sample.devices.push_back({.used_granules = abi::used_granules(ledger, i),
                              .consumed_ns = account.consumed_ns.load(std::memory_order_relaxed),
                              .throttled_ns = account.throttled_ns.load(std::memory_order_relaxed),
                              .refusals = account.refusals.load(std::memory_order_relaxed),
                              .launches = account.launches.load(std::memory_order_relaxed)});
  }
}

void read_slots(const abi::LedgerFile& ledger, unsigned device_count, LedgerSample& sample) {
  const unsigned bound =
      std::min(ledger.slot_bound.load(std::memory_order_relaxed), abi::kMaxProcesses);
  for (unsigned slot = 0; slot < bound; ++slot) {
    const abi::Identity owner = abi::slot_owner(ledger, slot);
    if (owner.pid == 0) continue;
    LedgerSample::Process process{
        .id = {.pid = static_cast<int>(owner.pid), .start_ticks = owner.start_ticks},
        .pid_namespace = owner.pid_namespace,
        .slot = slot,
        .used_granules = {}};
    for (unsigned device = 0; device < device_count; ++device)
      process.used_granules.push_back(abi::slot_granules(ledger, device, slot));
    sample.processes.push_back(std::move(process));
    sample.flags |= ledger.slots[slot].flags.load(std::memory_order_relaxed);
  }
}

/// One ledger mapped for the length of one look: ledgers of many grants would else keep their pages
/// in this process.
class GuardedLedger {
 public:
  explicit GuardedLedger(const std::string& path) {
    if (abi::install_bus_guard() != 0) return;
    error_ =
        abi::open_region(path.c_str(), sizeof(abi::LedgerFile), abi::Access::kReadWrite, region_);
    if (error_ == 0) guard_ = abi::guard(region_);
  }
  ~GuardedLedger() {
    abi::unguard(guard_);
    if (region_.address != nullptr) abi::close_region(region_);
  }
  GuardedLedger(const GuardedLedger&) = delete;
  GuardedLedger& operator=(const GuardedLedger&) = delete;

  abi::LedgerFile* ledger() const {
    return guard_ < 0 ? nullptr : static_cast<abi::LedgerFile*>(region_.address);
  }
  bool is_busy() const { return error_ == EWOULDBLOCK; }
  std::uint64_t file_bytes() const { return region_.bytes; }
  int fd() const { return region_.fd; }
  bool is_torn() const { return abi::is_lost(guard_); }

 private:
  abi::Region region_;
  int error_ = 0;
  int guard_ = -1;
};

void read(GuardedLedger& map, unsigned device_count, LedgerSample& sample) {
  abi::LedgerFile& ledger = *map.ledger();
  sample.flags = ledger.flags.load(std::memory_order_relaxed);
  sample.was_used = ledger.slot_bound.load(std::memory_order_relaxed) != 0;
  if (sample.was_used) {
    abi::reap_dead(ledger, map.fd());
    read_slots(ledger, device_count, sample);
  }
  const abi::Breach breach = abi::audit(ledger);
  sample.broken = breach != abi::Breach::kNone;
  sample.breach = breach_text(breach);
  read_devices(ledger, device_count, sample);
}

}  // namespace

LedgerSample sample_ledger(const std::string& path, unsigned device_count) {
  LedgerSample sample;
  GuardedLedger map(path);
  sample.busy = map.is_busy();
  if (sample.busy) return sample;
  if (map.ledger() == nullptr || !abi::is_usable(*map.ledger(), map.file_bytes())) {
    sample.broken = true;
    sample.breach = "its file was truncated, removed or is not a ledger";
    return sample;
  }
  read(map, std::min(device_count, abi::kMaxDevices), sample);
  if (map.is_torn()) {
    sample.broken = true;
    sample.breach = "its file was truncated";
  }
  return sample;
}

PageSample sample_page(const std::string& path) {
  PageSample sample;
  const os::Descriptor page(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  abi::ArenaView claims{};
  if (!page || !abi::read_arena_page(page.number(), claims)) return sample;
  sample.claims = claims;
  const auto read =
      ::pread(page.number(), &sample.flags, sizeof sample.flags, offsetof(abi::ArenaPage, flags));
  if (read != sizeof sample.flags) sample.flags = 0;
  return sample;
}

std::vector<EventKind> flag_kinds(std::uint64_t flags) {
  std::vector<EventKind> kinds;
  for (const FlagKind& flag : kFlagKinds)
    if ((flags & flag.bit) != 0) kinds.push_back(flag.kind);
  return kinds;
}

}  // namespace melon::agent

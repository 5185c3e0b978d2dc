// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes as every shared file, through every function that reads one.

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "shim/abi/files.h"
#include "shim/abi/ledger.h"
#include "shim/abi/publish.h"

namespace {

using melon::abi::ArenaIndexFile;
using melon::abi::LedgerFile;
using melon::abi::PolicyFile;

/// The bytes as the beginning of a file and, in turn, as its whole: garbage must reach the far end
/// of a ledger too, and a fuzzer will not write megabytes.
template <class File>
File& as_file(const std::uint8_t* data, std::size_t size) {
  static void* const at = std::aligned_alloc(64, (sizeof(File) + 63) / 64 * 64);
  auto* const bytes = static_cast<std::uint8_t*>(at);
  std::memset(bytes, 0, sizeof(File));
  std::size_t done = size < sizeof(File) ? size : sizeof(File);
  if (done == 0) return *static_cast<File*>(at);
  std::memcpy(bytes, data, done);
  while (done < sizeof(File)) {
    const std::size_t part = done < sizeof(File) - done ? done : sizeof(File) - done;
    std::memcpy(bytes + done, bytes, part);
    done += part;
  }
  return *static_cast<File*>(at);
}

/// Past the header the audit looks further.
void make_usable(LedgerFile& ledger) {
  ledger.magic = melon::abi::kLedgerMagic;
  ledger.version = melon::abi::kVersion;
  ledger.bytes = sizeof(LedgerFile);
}

void read_ledger(LedgerFile& ledger, std::uint64_t file_bytes) {
  melon::abi::is_usable(ledger, file_bytes);
  melon::abi::audit(ledger);
  for (unsigned device = 0; device <= melon::abi::kMaxDevices; ++device)
    melon::abi::used_granules(ledger, device);
  for (unsigned slot = 0; slot <= melon::abi::kMaxProcesses; ++slot) {
    melon::abi::slot_owner(ledger, slot);
    melon::abi::slot_granules(ledger, 0, slot);
  }
}

void work_on_ledger(LedgerFile& ledger) {
  melon::abi::reap_dead(ledger, -1);
  const melon::abi::Identity self = melon::abi::self_identity();
  const int claimed = melon::abi::claim_slot(ledger, self, -1);
  if (claimed == melon::abi::kNoSlot) return;
  const auto slot = static_cast<unsigned>(claimed);
  melon::abi::reserve(ledger, 0, slot, 0, 10, 100);
  melon::abi::release(ledger, 0, slot, 1, 10);
  melon::abi::release_slot(ledger, slot, self, -1);
}

void read_page(const std::uint8_t* data, std::size_t size) {
  static const int fd = memfd_create("page", MFD_CLOEXEC);
  if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != static_cast<ssize_t>(size)) abort();
  melon::abi::ArenaView view;
  melon::abi::read_arena_page(fd, view);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint8_t kind = data[0] % 4;
  ++data;
  --size;
  switch (kind) {
    case 0: {
      auto& ledger = as_file<LedgerFile>(data, size);
      // Mostly few slots: each that is claimed costs a look at /proc.
      if (size % 16 != 0) ledger.slot_bound = static_cast<std::uint32_t>(size % 8);
      if (size % 2 != 0) make_usable(ledger);
      read_ledger(ledger, size);
      work_on_ledger(ledger);
      read_ledger(ledger, size);
      break;
    }
    case 1: {
      const auto& file = as_file<PolicyFile>(data, size);
      static melon::abi::Policy policy;
      melon::abi::is_usable(file, size);
      melon::abi::read_published(file, policy);
      break;
    }
    case 2: {
      const auto& file = as_file<ArenaIndexFile>(data, size);
      static melon::abi::ArenaIndex index;
      melon::abi::is_usable(file, size);
      melon::abi::read_published(file, index);
      break;
    }
    default:
      read_page(data, size);
  }
  return 0;
}

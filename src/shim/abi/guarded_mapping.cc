// SPDX-License-Identifier: Apache-2.0
// Survives files that shrink under their mapping.

#include "shim/abi/guarded_mapping.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

#include <atomic>

namespace melon::abi {
namespace {

struct Guarded {
  std::atomic<bool> taken{false};
  std::atomic<std::uintptr_t> begin{0};  // 0: not guarded
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<bool> lost{false};
};

// Static, because a signal handler has no other way to reach it.
constinit Guarded guarded[kMaxGuarded];
constinit std::atomic<bool> installed{false};
struct sigaction previous;

Guarded* find(std::uintptr_t address) {
  for (Guarded& region : guarded) {
    const std::uintptr_t begin = region.begin.load(std::memory_order_acquire);
    if (begin != 0 && address >= begin &&
        address - begin < region.bytes.load(std::memory_order_acquire))
      return &region;
  }
  return nullptr;
}

bool replace(Guarded& region) {
  void* const at = reinterpret_cast<void*>(region.begin.load(std::memory_order_acquire));
  const std::uint64_t bytes = region.bytes.load(std::memory_order_acquire);
  region.lost.store(true, std::memory_order_release);
  return mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
         MAP_FAILED;
}

/// Not ours: as before this handler. A default action follows when the access is tried again.
void pass_on(int number, siginfo_t* info, void* context) {
  if ((previous.sa_flags & SA_SIGINFO) != 0)
    previous.sa_sigaction(number, info, context);
  else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
    previous.sa_handler(number);
  else
    sigaction(SIGBUS, &previous, nullptr);
}

void on_bus_error(int number, siginfo_t* info, void* context) {
  const int saved = errno;
  const bool sent = info->si_code != BUS_ADRERR;  // by a process: there is no address
  Guarded* const region = sent ? nullptr : find(reinterpret_cast<std::uintptr_t>(info->si_addr));
  if (region == nullptr || !replace(*region)) pass_on(number, info, context);
  errno = saved;
}

}  // namespace

int install_bus_guard() {
  if (installed.exchange(true)) return 0;
  struct sigaction action = {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  if (sigaction(SIGBUS, &action, &previous) == 0) return 0;
  installed.store(false);
  return errno;
}

int guard(const Region& region) {
  if (!installed.load() || region.address == nullptr) return -1;
  for (unsigned number = 0; number < kMaxGuarded; ++number) {
    Guarded& entry = guarded[number];
    if (entry.taken.exchange(true, std::memory_order_acq_rel)) continue;
    entry.lost.store(false, std::memory_order_relaxed);
    entry.bytes.store(region.bytes, std::memory_order_release);
    entry.begin.store(reinterpret_cast<std::uintptr_t>(region.address), std::memory_order_release);
    return static_cast<int>(number);
  }
  return -1;
}

void unguard(int number) {
  if (number < 0 || number >= static_cast<int>(kMaxGuarded)) return;
  Guarded& entry = guarded[number];
  entry.begin.store(0, std::memory_order_release);
  entry.taken.store(false, std::memory_order_release);
}

bool is_lost(int number) {
  return number >= 0 && number < static_cast<int>(kMaxGuarded) &&
         guarded[number].lost.load(std::memory_order_acquire);
}

}  // namespace melon::abi

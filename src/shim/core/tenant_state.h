// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/syscall.h>
#include <unistd.h>
#include <atomic>
#include <cstdint>

#include "shim/abi/ledger.h"
#include "shim/core/attach.h"
#include "shim/core/grant_files.h"
#include "shim/core/pacer.h"
#include "shim/core/passage.h"
#include "shim/core/policy_view.h"

namespace melon::shim {

/// What a forked child must not take over: a page that the kernel wipes there.
struct OwnPage {
  std::atomic<std::uint32_t> alive;  // 1; 0 in any child, however it was forked
  alignas(64) Passage passage;
};

/// All of it lives in zero-filled mapped memory: no constructor runs, no destructor either.
struct Tenant::State {
  Tenant tenant;
  Clock clock;
  bool real_time;
  GrantFiles files;
  PolicyView policy;
  int slot;
  abi::Identity self;
  OwnPage* own;
  long pid_where_not_wiped;  // kernels before 4.14 cannot; 0 elsewhere
  Pacer* pacers[abi::kMaxDevices];
  struct alignas(64) LaneLock {
    std::atomic<bool> taken;
  } lanes[abi::kMaxDevices][abi::kLanes];
};

inline Nanoseconds now_of(const Tenant::State& state) {
  return state.clock.now(state.clock.context);
}

inline bool is_stale(const Tenant::State& state) {
  if (state.own == nullptr && state.pid_where_not_wiped == 0) return false;
  if (state.pid_where_not_wiped != 0) return syscall(SYS_getpid) != state.pid_where_not_wiped;
  return state.own->alive.load(std::memory_order_relaxed) == 0;
}

/// Opens the passage if no device is limited.
void open_passage(Tenant::State& state, Nanoseconds now);

}  // namespace melon::shim

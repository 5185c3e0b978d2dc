// SPDX-License-Identifier: Apache-2.0
// Counts the grant's memory: reserved before the driver is called, given back afterwards.

#include <sched.h>

#include "shim/abi/ledger.h"
#include "shim/core/tenant_state.h"

namespace melon::shim {
namespace {

using State = Tenant::State;

/// How long an allocation may wait for work that holds memory of a full device.
constexpr Nanoseconds kLongestDrain = 200'000'000;
/// Drivers tell of a command's end before they free what it used.
constexpr unsigned kRoomAttempts = 5;
constexpr Nanoseconds kRoomPause = 500'000;  // doubled at each

std::uint64_t granules_of(std::uint64_t bytes) {
  return bytes / abi::kGranule + (bytes % abi::kGranule != 0 ? 1 : 0);
}

/// Where the calling thread starts to look for a lane.
unsigned first_lane() {
  static thread_local char anchor __attribute__((tls_model("initial-exec")));
  return static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(&anchor) >> 12) % abi::kLanes;
}

/// One lane of a device, for the length of one operation.
class LaneHeld {
 public:
  /// Any lane: threads start at different ones and move on when one is taken, so that also a signal
  /// handler that interrupts an operation finds another.
  LaneHeld(State& state, unsigned device) : locks_(state.lanes[device]) {
    const unsigned start = first_lane();
    for (unsigned i = 0;; ++i) {
      lane_ = (start + i) % abi::kLanes;
      if (try_lock()) return;
      if (i % abi::kLanes == abi::kLanes - 1) sched_yield();
    }
  }
  ~LaneHeld() { locks_[lane_].taken.store(false, std::memory_order_release); }
  LaneHeld(const LaneHeld&) = delete;
  LaneHeld& operator=(const LaneHeld&) = delete;
  unsigned lane() const { return lane_; }

 private:
  bool try_lock() { return !locks_[lane_].taken.exchange(true, std::memory_order_acquire); }

  State::LaneLock (&locks_)[abi::kLanes];
  unsigned lane_ = 0;
};

bool reserve_once(State& state, unsigned device, std::uint64_t granules) {
  const LaneHeld held(state, device);
  return abi::reserve(*state.files.ledger, device, static_cast<unsigned>(state.slot), held.lane(),
                      granules, state.policy.memory_granules(device));
}

/// Frees what the process's dead left. Not when the program closed the ledger's descriptor: who
/// lives in another pid namespace cannot be told then; the agent reaps twice a second anyway.
bool reap(State& state) {
  const int fd = state.files.checked_fd();
  if (fd < 0 && !state.files.private_ledger) return false;
  return abi::reap_dead(*state.files.ledger, fd, state.self) > 0;
}

/// Any lane frees what another reserved: only the sum of the lanes counts.
void release_granules(State& state, unsigned device, std::uint64_t granules) {
  const LaneHeld lane(state, device);
  abi::release(*state.files.ledger, device, static_cast<unsigned>(state.slot), lane.lane(),
               granules);
}

}  // namespace

bool Tenant::reserve(unsigned device, std::uint64_t bytes) {
  if (state_ == nullptr) return true;
  State& state = *state_;
  if (device >= abi::kMaxDevices || state.slot < 0 || is_stale(state))
    return false;  // fails closed
  const std::uint64_t granules = granules_of(bytes);
  if (reserve_once(state, device, granules)) return true;
  if (reap(state) && reserve_once(state, device, granules)) return true;
  state.files.ledger->devices[device].refusals.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void Tenant::release(unsigned device, std::uint64_t bytes) {
  if (state_ == nullptr) return;
  State& state = *state_;
  if (device >= abi::kMaxDevices || state.slot < 0 || is_stale(state)) return;
  release_granules(state, device, granules_of(bytes));
}

bool Tenant::make_room(unsigned device, std::uint64_t bytes, unsigned attempt) {
  if (state_ == nullptr || device >= abi::kMaxDevices || is_stale(*state_)) return false;
  Pacer* const pacer = state_->pacers[device];
  if (pacer == nullptr || (attempt == 0 && pacer->in_flight() == 0)) return false;
  if (attempt == 0) drain(device, kLongestDrain);
  // Drivers free what a command used some time after they tell of its end.
  for (; attempt <= kRoomAttempts; ++attempt) {
    if (attempt > 0)
      state_->clock.sleep_until(state_->clock.context, now_of(*state_) + (kRoomPause << attempt));
    if (pacer->may_have_free(bytes)) return true;
  }
  return false;
}

std::uint64_t Tenant::memory_limit(unsigned device) const {
  if (state_ == nullptr || device >= abi::kMaxDevices) return 0;
  return state_->policy.memory_granules(device) * abi::kGranule;
}

std::uint64_t Tenant::memory_used(unsigned device) const {
  if (state_ == nullptr || state_->files.ledger == nullptr || device >= abi::kMaxDevices) return 0;
  return abi::used_granules(*state_->files.ledger, device) * abi::kGranule;
}

}  // namespace melon::shim

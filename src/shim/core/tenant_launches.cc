// SPDX-License-Identifier: Apache-2.0
// Blocks launches until they may go, and hears of their end.

#include <algorithm>

#include "shim/core/futex.h"
#include "shim/core/tenant_state.h"

namespace melon::shim {
namespace {

using State = Tenant::State;

/// Wake-ups of a held launch, so that a changed policy is seen although nothing else happens.
constexpr Nanoseconds kLongestWait = 20'000'000;
constexpr Nanoseconds kLongestSuspension = 100'000'000;

/// Sleeps until a launch that is held may ask again.
void wait_for(State& state, Pacer& pacer, const Pacer::Hold& hold, std::uint32_t progress,
              std::uint64_t generation) {
  if (!state.real_time) return state.clock.sleep_until(state.clock.context, hold.until);
  const Nanoseconds until = std::min(hold.until, now_of(state) + kLongestWait);
  if (hold.by == Pacer::Hold::By::kSuspension)
    return state.policy.wait_for_change(generation, kLongestSuspension);
  pacer.count_waiter(1);
  wait_on(&pacer.progress(), progress, until);
  pacer.count_waiter(-1);
}

}  // namespace

void open_passage(Tenant::State& state, Nanoseconds now) {
  if (state.own == nullptr || state.pid_where_not_wiped != 0) return;
  Passage& passage = state.own->passage;
  const std::uint64_t sum = passage.now();
  for (Pacer* const pacer : state.pacers) {
    if (pacer == nullptr) continue;
    pacer->refresh(now);
    if (pacer->paced()) return;
  }
  passage.open_at(sum);
}

Launch Tenant::admit(unsigned device, QueueState& queue, std::uint64_t key, Order order) {
  Launch launch = {.device = device, .key = key};
  if (state_ == nullptr || device >= abi::kMaxDevices) return launch;
  Pacer* const pacer = state_->pacers[device];
  if (pacer == nullptr || pacer->let_through(queue, key, order, launch)) return launch;
  State& state = *state_;
  Nanoseconds now = now_of(state);
  const Nanoseconds asked = now;
  while (!is_stale(state)) {
    const std::uint32_t progress = pacer->progress().load();
    const std::uint64_t generation = state.policy.generation();
    const Pacer::Hold hold = pacer->ask(queue, key, order, now, launch);
    if (hold.by == Pacer::Hold::By::kNothing) break;
    wait_for(state, *pacer, hold, progress, generation);
    now = now_of(state);
  }
  if (now != asked) pacer->count_throttled(now - asked);
  if (!pacer->paced() && !passage().open()) open_passage(state, now);
  return launch;
}

bool Tenant::try_admit(unsigned device, QueueState& queue, std::uint64_t key, Order order,
                       Launch& launch, Nanoseconds& ask_again) {
  launch = {.device = device, .key = key};
  if (state_ == nullptr || device >= abi::kMaxDevices || is_stale(*state_)) return true;
  Pacer* const pacer = state_->pacers[device];
  if (pacer == nullptr || pacer->let_through(queue, key, order, launch)) return true;
  const Pacer::Hold hold = pacer->ask(queue, key, order, now_of(*state_), launch);
  ask_again = hold.until;
  return hold.by == Pacer::Hold::By::kNothing;
}

void Tenant::cancel(const Launch& launch, QueueState& queue) {
  if (state_ == nullptr || launch.device >= abi::kMaxDevices || is_stale(*state_)) return;
  if (Pacer* const pacer = state_->pacers[launch.device]; pacer != nullptr) {
    pacer->cancel(launch, queue, now_of(*state_));
    if (pacer->has_waiters()) wake_all(&pacer->progress());
  }
}

void Tenant::close_queue(unsigned device, QueueState& queue) {
  if (state_ == nullptr || device >= abi::kMaxDevices || is_stale(*state_)) return;
  if (Pacer* const pacer = state_->pacers[device]; pacer != nullptr)
    pacer->close_queue(queue, now_of(*state_));
}

void Tenant::finish(Flight* flight, Nanoseconds start, Nanoseconds end) {
  if (state_ == nullptr || flight == nullptr || is_stale(*state_)) return;
  Pacer* const pacer = state_->pacers[flight->device];
  pacer->finish(flight, start, end, now_of(*state_));
  if (pacer->has_waiters()) wake_all(&pacer->progress());
}

void Tenant::open_gate(Flight* flight) {
  if (state_ == nullptr || flight == nullptr || is_stale(*state_)) return;
  state_->pacers[flight->device]->open_gate(flight, now_of(*state_));
}

bool Tenant::pacing(unsigned device) const {
  if (state_ == nullptr || device >= abi::kMaxDevices) return false;
  Pacer* const pacer = state_->pacers[device];
  if (pacer == nullptr) return false;
  if (!pacer->up_to_date()) pacer->refresh(now_of(*state_));
  return pacer->paced();
}

bool Tenant::drain(unsigned device, Nanoseconds timeout) {
  if (state_ == nullptr || device >= abi::kMaxDevices || state_->pacers[device] == nullptr)
    return true;
  Pacer& pacer = *state_->pacers[device];
  const Nanoseconds until = now_of(*state_) + timeout;
  for (;;) {
    const std::uint32_t progress = pacer.progress().load();
    if (pacer.in_flight() == 0) return true;
    if (now_of(*state_) >= until) return false;
    wait_for(*state_, pacer, {Pacer::Hold::By::kFlights, until}, progress, 0);
  }
}

}  // namespace melon::shim

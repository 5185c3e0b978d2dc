// SPDX-License-Identifier: Apache-2.0
// The pacer's books: charges, corrections, what is in flight, and what the rivals are told.

#include <algorithm>

#include "shim/core/grant_files.h"
#include "shim/core/pacer.h"

namespace melon::shim {
namespace {

constexpr Nanoseconds kMillisecond = 1'000'000;
constexpr Nanoseconds kSmallestBurst = 10 * kMillisecond;
constexpr Nanoseconds kLargestBurst = 1000 * kMillisecond;
/// A claim by weight outlives the work by this much, so that a program that waits for each result
/// before its next launch keeps its place.
constexpr Nanoseconds kWantsLinger = 3 * kMillisecond;
/// The same for priority: longer than the pauses of a program that answers requests, so that a low
/// tenant does not slip into each of them.
constexpr Nanoseconds kBusyLinger = 3 * kMillisecond;
/// Both, while a launch that was held is about to go: on a loaded machine its thread wakes late.
constexpr Nanoseconds kAwaitedLinger = 20 * kMillisecond;
constexpr Nanoseconds kLongestClaim = 1000 * kMillisecond;
/// Others on the device stretch what is in flight, seldom by more than this.
constexpr Nanoseconds kStretch = 4;
constexpr Nanoseconds kSharedMemory = 100 * kMillisecond;
/// No launch is free: with an estimate of nothing, none would ever be measured again.
constexpr Nanoseconds kSmallestCost = 500;
constexpr Nanoseconds kDisplayEvery = 50 * kMillisecond;

}  // namespace

Nanoseconds Pacer::burst() const {
  return std::clamp(largest_ + largest_ / 2, kSmallestBurst, kLargestBurst);
}

std::int64_t Pacer::virtual_of(std::int64_t cost) const { return cost * 100 / rules_.weight; }

void Pacer::charge(Nanoseconds cost, bool entitled, Nanoseconds now) {
  if (entitled) guarantee_.charge(now, cost, burst());
  ceiling_.charge(now, cost, burst());
  if (!entitled) rivals_.charge(virtual_of(static_cast<std::int64_t>(cost)));
}

void Pacer::correct(std::int64_t difference, bool entitled, Nanoseconds now) {
  if (entitled) guarantee_.correct(now, difference);
  ceiling_.correct(now, difference);
  if (!entitled) rivals_.charge(virtual_of(difference));
}

/// Charges what the queue launched on its lease.
void Pacer::settle_queue(QueueState& queue, Nanoseconds now) {
  if (queue.uncharged > 0) charge(queue.uncharged, queue.entitled, now);
  queue.uncharged = 0;
  queue.lease = 0;
  count_launches(queue);
}

void Pacer::count_launches(QueueState& queue) {
  if (queue.uncounted == 0) return;
  account_->launches.fetch_add(queue.uncounted, std::memory_order_relaxed);
  counted_ += queue.uncounted;
  queue.uncounted = 0;
}

void Pacer::close_queue(QueueState& queue, Nanoseconds now) {
  const Locked locked(lock_);
  settle_queue(queue, now);
  queue = {};
}

void Pacer::cancel(const Launch& launch, QueueState& queue, Nanoseconds now) {
  if (launch.flight == nullptr && launch.estimate == 0) return;  // it was not charged
  const Locked locked(lock_);
  if (Flight* const flight = launch.flight; flight != nullptr) {
    if (!flight->live) return;
    count_out(*flight);
    --unfinished_;
    meter_.cancel(*flight);
    const unsigned before = flight->launches - 1;
    if (before > 0) {  // the earlier launches it covered are open again
      queue.open_launches += before;
      queue.open_estimate += flight->charged - launch.estimate;
      queue.open_mixed = queue.open_mixed || !flight->uniform;
      queue.open_key = flight->key;
    }
    flights_.give_back(flight);
    if (below_) tell_flights(now);
    queue.lease = 0;  // the next one asks, and carries the notice instead
    progress_.fetch_add(1);
  } else if (queue.open_launches > 0) {
    --queue.open_launches;
    queue.open_estimate -= std::min(launch.estimate, queue.open_estimate);
  }
  const Nanoseconds leased = std::min(queue.uncharged, launch.estimate);
  queue.uncharged -= leased;
  const auto charged = static_cast<std::int64_t>(launch.estimate - leased);
  if (charged > 0) correct(-charged, queue.entitled, now);
}

void Pacer::count_in(const Flight& flight) {
  ++in_flight_;
  in_flight_estimate_ += std::max(flight.charged, flight.estimate);
  if (flight.unknown) ++unknown_in_flight_;
}

void Pacer::count_out(const Flight& flight) {
  if (flight.gated || flight.epoch != epoch_) return;
  --in_flight_;
  in_flight_estimate_ -= std::max(flight.charged, flight.estimate);
  if (flight.unknown) --unknown_in_flight_;
}

void Pacer::open_gate(Flight* flight, Nanoseconds now) {
  const Locked locked(lock_);
  if (!flight->live || !flight->gated) return;
  flight->gated = false;
  flight->epoch = epoch_;
  flight->admitted = now;
  meter_.begin(*flight);
  count_in(*flight);
  if (below_) tell_flights(now);
  if (in_flight_ == 1) progress_at_ = now;
}

/// Spans stretch under others' slices; the low quantile of the key does not.
Nanoseconds Pacer::most_believed(const Flight& flight, Nanoseconds now) {
  constexpr Nanoseconds kAny = ~Nanoseconds{0};
  const std::uint64_t others = account_->launches.load(std::memory_order_relaxed) - counted_;
  if (others != others_counted_) shared_until_ = now + kSharedMemory;
  others_counted_ = others;
  if (!rivals_.any() && now >= shared_until_) return kAny;
  const CostTable::Estimate known = costs_.find(flight.key);
  if (known.samples == 0) return kAny;
  const Nanoseconds before =
      flight.charged > flight.estimate ? flight.charged - flight.estimate : 0;
  return flight.uniform ? known.cost_ns * flight.launches : known.cost_ns + before;
}

void Pacer::finish(Flight* flight, Nanoseconds start, Nanoseconds end, Nanoseconds now) {
  const Locked locked(lock_);
  if (!flight->live) return;
  count_out(*flight);
  --unfinished_;
  progress_at_ = now;
  const Meter::Cost cost =
      meter_.settle(*flight, {start, end, now, unfinished_ > 0, most_believed(*flight, now)});
  if (cost.each > 0) costs_.add(flight->key, std::max(cost.each, kSmallestCost));
  largest_ = std::max(cost.each, largest_ - largest_ / 64);
  const auto difference =
      static_cast<std::int64_t>(cost.run) - static_cast<std::int64_t>(flight->charged);
  correct(difference, flight->entitled, now);
  add_consumed(cost.run);
  flights_.give_back(flight);
  if (below_) tell_flights(now);
  if (in_flight_ == 0) tell_pause(now);
  progress_.fetch_add(1);
}

void Pacer::add_consumed(Nanoseconds cost) {
  account_->consumed_ns.fetch_add(cost, std::memory_order_relaxed);
  if (slot_consumed_ != nullptr) slot_consumed_->fetch_add(cost, std::memory_order_relaxed);
}

/// Where nothing is limited nothing is measured; the meter, read now and then, is for display.
void Pacer::settle_idle(Nanoseconds now) {
  if (!meter_.exists() || now < progress_at_ + kDisplayEvery) return;
  progress_at_ = now;
  add_consumed(meter_.take_unsettled());
}

/// Tells the rivals for how long this tenant will use the device. Claims lapse by themselves.
void Pacer::publish(bool entitled, Nanoseconds now) {
  if (!rivals_.any()) return;
  const Nanoseconds work = std::min(in_flight_estimate_ * kStretch, kLongestClaim);
  rivals_.publish(entitled ? now + work + kQuantum : 0, now + work + kWantsLinger,
                  now + work + kBusyLinger + kQuantum);
}

/// Work in flight may take far longer than its estimate where others use the same cores. While a
/// launch is held behind it, which asks again at least every 20 ms, the claims go on.
void Pacer::keep_claims(Nanoseconds now) {
  const Nanoseconds work = std::min(in_flight_estimate_ * kStretch, kLongestClaim);
  const Nanoseconds until = now + std::max(work, 2 * kAwaitedLinger);
  if (rivals_.any()) rivals_.publish(0, until, until);
}

/// Nothing of this tenant is on the device now: its claims end soon.
void Pacer::tell_pause(Nanoseconds now) {
  const Nanoseconds wants = now + (awaited_ ? kAwaitedLinger : kWantsLinger);
  const Nanoseconds busy = now + (awaited_ ? kAwaitedLinger : kBusyLinger + kQuantum);
  rivals_.shorten(now, wants, busy);
  if (awaited_) rivals_.publish(0, wants, busy);
}

unsigned Pacer::in_flight() {
  const Locked locked(lock_);
  return in_flight_;
}

}  // namespace melon::shim

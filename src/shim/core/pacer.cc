// SPDX-License-Identifier: Apache-2.0
// The four gates that a launch passes: suspension, work in flight, buckets, rivals.

#include "shim/core/pacer.h"

#include <algorithm>
#include <cstring>

#include "shim/core/grant_files.h"

namespace melon::shim {
namespace {

constexpr Nanoseconds kMillisecond = 1'000'000;
constexpr Nanoseconds kInFlight = 4 * kMillisecond;
constexpr Nanoseconds kInFlightBelow = kMillisecond;  // beside a higher priority
constexpr unsigned kUnknownInFlight = 2;
/// A queue's lease where only its own timestamps tell how the process's queues overlap.
constexpr Nanoseconds kFineQuantum = 20'000;
constexpr Nanoseconds kStall = 200 * kMillisecond;
constexpr Nanoseconds kSuspendedPoll = 100 * kMillisecond;
/// How far a virtual time may run ahead of the least: half a kernel of the usual kind.
constexpr std::uint64_t kVirtualSlack = 2 * kMillisecond;
/// How late it may be noticed that a rival has left the device.
constexpr Nanoseconds kRivalsLeave = kMillisecond;
constexpr Nanoseconds kRivalsPause = kRivalsLeave / 4;  // between two entitled launches
/// Of every window, the hundredth that neither weights nor priorities can take away.
constexpr Nanoseconds kGuardWindow = 100 * kMillisecond;
constexpr Nanoseconds kGuardShare = 1'300'000;  // granted in whole launches: never below 1 %

using Hold = Pacer::Hold;

}  // namespace

void Pacer::open(const Setting& setting) {
  policy_ = setting.policy;
  device_ = setting.device;
  account_ = &setting.ledger->devices[device_];
  if (setting.slot >= 0) slot_consumed_ = &setting.ledger->slots[setting.slot].consumed_ns[device_];
  guarantee_ = {&account_->paid_until[0], &account_->rate_permille[0], 0};
  ceiling_ = {&account_->paid_until[1], &account_->rate_permille[1], 0};
  others_counted_ = account_->launches.load();
  if (setting.arena_folder != nullptr) rivals_.open(setting.arena_folder, policy_->opened().grant);
  const Locked locked(lock_);
  adopt_rules(setting.now);
}

void Pacer::refresh(Nanoseconds now) {
  if (up_to_date()) return;
  const Locked locked(lock_);
  adopt_rules(now);
}

/// Limits of the policy and rights of the arena, taken together.
void Pacer::adopt_rules(Nanoseconds now) {
  const std::uint64_t generation = policy_->refresh();
  rivals_.refresh();
  bool suspended = false;
  const abi::DevicePolicy policy = policy_->device(device_, suspended);
  rules_ = {policy.share, policy.priority, std::max(policy.weight, 1u), suspended};
  const unsigned top = policy.ceiling_permille == 0 ? 1000 : policy.ceiling_permille;
  const bool hard = policy.share == abi::Share::kHard;
  const bool weighted = policy.share == abi::Share::kWeighted;
  guarantee_.permille = weighted ? 0 : std::clamp(policy.guarantee_permille, 1u, 1000u);
  if (hard) guarantee_.permille = std::min(guarantee_.permille, top);
  ceiling_.permille = hard ? 0 : top;
  guarantee_.adopt(now);
  ceiling_.adopt(now);
  const bool limited = (hard && guarantee_.limits()) || ceiling_.limits();
  paced_.store(suspended || limited || rivals_.any(), std::memory_order_relaxed);
  seen_policy_.store(generation, std::memory_order_release);
}

Hold Pacer::ask(QueueState& queue, std::uint64_t key, Order order, Nanoseconds now,
                Launch& launch) {
  const Locked locked(lock_);
  if (policy_->generation() != seen_policy_.load(std::memory_order_relaxed) || rivals_.moved())
    adopt_rules(now);
  if (!paced()) {
    ++queue.uncounted;
    settle_queue(queue, now);
    settle_idle(now);
    return {};
  }
  if (rules_.suspended) return {Hold::By::kSuspension, now + kSuspendedPoll};
  settle_queue(queue, now);
  const CostTable::Estimate known = costs_.find(key);
  Request request = {key, order, known.samples == 0 ? kUnknownCost : known.cost_ns, known.samples,
                     true};
  Hold hold = held_by_flights(request, now);
  if (hold.by == Hold::By::kNothing) hold = held_by_bucket(request, now);
  if (hold.by == Hold::By::kNothing) hold = held_by_rivals(request, now);
  if (hold.by == Hold::By::kNothing)
    go(queue, request, now, launch);
  else
    lease_epoch_.fetch_add(1, std::memory_order_relaxed);
  awaited_ = hold.by == Hold::By::kFlights;
  if (awaited_) keep_claims(now);
  return hold;
}

Hold Pacer::held_by_flights(const Request& request, Nanoseconds now) {
  if (request.order == Order::kGated || in_flight_ == 0) return {};
  const bool below = rivals_.any_above(rules_.priority);
  const bool unknown = request.samples == 0 && unknown_in_flight_ >= kUnknownInFlight;
  const bool fits = in_flight_estimate_ + request.estimate <= (below ? kInFlightBelow : kInFlight);
  // Two long kernels, so that the device need not wait for the host between them.
  const bool few = in_flight_ < (below ? 1u : 2u);
  if (!unknown && (fits || few)) return {};
  if (stalled(now)) return {};
  return {Hold::By::kFlights, progress_at_ + std::max(kStall, 4 * largest_)};
}

/// True when nothing has moved for long: what is in flight waits for something that this core
/// cannot see, and holding launches for it could wait for itself.
bool Pacer::stalled(Nanoseconds now) {
  if (now < progress_at_ + std::max(kStall, 4 * largest_)) return false;
  progress_at_ = now;
  if (meter_.advanced()) return false;
  ++epoch_;
  in_flight_ = unknown_in_flight_ = 0;
  in_flight_estimate_ = 0;
  return true;
}

Hold Pacer::held_by_bucket(Request& request, Nanoseconds now) const {
  const Nanoseconds guaranteed_at = guarantee_.allowed_at(now);
  request.entitled = rules_.share != abi::Share::kWeighted && guaranteed_at <= now;
  const Nanoseconds at =
      rules_.share == abi::Share::kHard ? guaranteed_at : ceiling_.allowed_at(now);
  if (at <= now) return {};
  return {Hold::By::kBucket, at};
}

Hold Pacer::held_by_rivals(const Request& request, Nanoseconds now) {
  if (!rivals_.any()) return {};
  rivals_.poll(now);
  if (!request.entitled) rivals_.join(rules_.priority, now);
  const Nanoseconds hold = rivals_hold_for(request, now);
  if (hold == 0) {
    guard_next_ = 0;
    return {};
  }
  publish(request.entitled, now);
  if (pass_by_guard(request.estimate, now)) return {};
  return {Hold::By::kRivals, now + hold};
}

/// For how long not to ask again; 0: the launch may go. Looking at the rivals costs host time,
/// which an outside observer counts as this tenant's, so it is not done more often than they can
/// move.
Nanoseconds Pacer::rivals_hold_for(const Request& request, Nanoseconds now) {
  if (rivals_.busy_above(rules_.priority, now)) return kRivalsLeave;
  if (request.entitled) return 0;
  if (rivals_.entitled_hold(rules_.priority, now)) return kRivalsPause;
  const std::uint64_t own = rivals_.virtual_time();
  if (own <= kVirtualSlack) return 0;
  const Nanoseconds behind = rivals_.behind(rules_.priority, now, own - kVirtualSlack);
  return behind == 0 ? 0 : std::clamp(behind, kRivalsPause, kRivalsLeave);
}

/// Starvation guard: in each window, kGuardShare of device time, or one launch that is longer and
/// then pays with longer windows.
bool Pacer::pass_by_guard(Nanoseconds estimate, Nanoseconds now) {
  if (guard_next_ == 0) {
    guard_next_ = now + kGuardWindow;
    guard_left_ = 0;
  }
  if (now >= guard_next_) {
    guard_next_ = now + std::max(kGuardWindow, estimate * (kGuardWindow / kGuardShare));
    guard_left_ = std::max(kGuardShare, estimate);
  }
  const Nanoseconds taken = std::max(estimate, kQuantum);  // with the lease that goes with it
  if (guard_left_ < estimate) return false;
  guard_left_ -= std::min(taken, guard_left_);
  return true;
}

/// Lets a launch through: charges it, renews the lease, marks it when a notice is due.
void Pacer::go(QueueState& queue, const Request& request, Nanoseconds now, Launch& launch) {
  const bool gated = request.order == Order::kGated;
  queue.entitled = request.entitled;
  queue.lease_epoch = lease_epoch_.load(std::memory_order_relaxed);
  const Nanoseconds quantum = meter_.needs_starts(now) ? kFineQuantum : kQuantum;
  queue.lease = gated || request.estimate > quantum ? 0 : quantum - request.estimate;
  if (!gated) charge(request.estimate, request.entitled, now);
  launch.estimate = gated ? 0 : request.estimate;
  if (queue.open_launches == 0) queue.open_since = now;
  if (request.order == Order::kInOrder && queue.track == 0) queue.track = meter_.new_track();
  const bool due = request.order != Order::kInOrder || request.samples < kLearning ||
                   queue.open_estimate + request.estimate >= quantum / 2 ||
                   meter_.needs_start(queue.track, now);
  if (due) launch.flight = make_flight(queue, request, now);
  if (launch.flight == nullptr && !gated)
    note_open(queue, request.key, request.estimate);
  else
    ++queue.uncounted;
  count_launches(queue);
  publish(request.entitled, now);
}

Flight* Pacer::make_flight(QueueState& queue, const Request& request, Nanoseconds now) {
  Flight* const flight = flights_.take();
  if (flight == nullptr) return nullptr;
  const bool gated = request.order == Order::kGated;
  const bool covers = request.order != Order::kUnordered && queue.open_launches > 0;
  *flight = {};
  flight->key = request.key;
  flight->estimate = request.estimate;
  flight->charged = (covers ? queue.open_estimate : 0) + (gated ? 0 : request.estimate);
  flight->admitted = now;
  flight->since = covers ? queue.open_since : now;
  flight->track = request.order == Order::kUnordered ? 0 : queue.track;
  flight->device = device_;
  flight->launches = 1 + (covers ? queue.open_launches : 0);
  flight->uniform = !covers || (!queue.open_mixed && queue.open_key == request.key);
  flight->live = true;
  flight->gated = gated;
  flight->unknown = request.samples == 0;
  flight->entitled = request.entitled;
  queue.open_since = now;
  if (covers) {
    queue.open_estimate = 0;
    queue.open_launches = 0;
    queue.open_mixed = false;
  }
  ++unfinished_;
  if (!gated) {
    meter_.begin(*flight);
    count_in(*flight);
  }
  if (in_flight_ == 1) progress_at_ = now;
  flight->epoch = epoch_;
  return flight;
}

}  // namespace melon::shim

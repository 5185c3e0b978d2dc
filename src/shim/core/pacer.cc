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
/// How often to ask while another process of the grant has its turn: not sooner than it can end.
constexpr Nanoseconds kTurnPause = kMillisecond / 5;

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
  turns_.open(*setting.ledger, device_, setting.slot);
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
  below_ = rivals_.any_above(policy.priority);
  joined_ = false;
  tell_flights(now);
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
  const Hold hold = held_by_gates(request, now);
  if (hold.by == Hold::By::kNothing)
    go(queue, request, now, launch);
  else
    lease_epoch_.fetch_add(1, std::memory_order_relaxed);
  awaited_ = hold.by == Hold::By::kFlights;
  if (awaited_) keep_claims(now);
  return hold;
}

Hold Pacer::held_by_gates(Request& request, Nanoseconds now) {
  Hold hold = held_by_flights(request, now);
  if (hold.by == Hold::By::kNothing) hold = held_by_bucket(request, now);
  const bool turns = below_ && request.order != Order::kGated;
  if (hold.by == Hold::By::kNothing && turns && !take_turn(request, now))
    hold = {Hold::By::kFlights, now};
  if (hold.by == Hold::By::kNothing) {
    hold = held_by_rivals(request, now);
    if (hold.by != Hold::By::kNothing) tell_flights(now);
  }
  if (hold.by != Hold::By::kNothing && turns) turns_.wait(now);
  return hold;
}

Hold Pacer::held_by_flights(const Request& request, Nanoseconds now) {
  if (request.order == Order::kGated) return {};
  if (in_flight_ > 0) {
    const bool unknown = request.samples == 0 && unknown_in_flight_ >= kUnknownInFlight;
    const Nanoseconds most = below_ ? kInFlightBelow : kInFlight;
    const bool fits = in_flight_estimate_ + request.estimate <= most;
    // Two long kernels, so that the device need not wait for the host between them.
    const bool few = in_flight_ < (below_ ? 1u : 2u);
    if ((unknown || (!fits && !few)) && !stalled(now))
      return {Hold::By::kFlights, progress_at_ + std::max(kStall, 4 * largest_)};
  }
  return below_ ? held_by_grant(request, now) : Hold{};
}

/// Beside a higher priority, what the grant's other processes have in flight counts like this
/// one's.
Hold Pacer::held_by_grant(const Request& request, Nanoseconds now) {
  const Turns::Others others = turns_.look(now);
  joined_ = others.any;
  const Nanoseconds all = in_flight_estimate_ + others.in_flight + request.estimate;
  const bool room = others.in_flight == 0 || all <= kInFlightBelow;
  // Half of it is for whoever comes, so that the device does not wait while turns change hands.
  if (room && (!others.waits_longer || all <= kInFlightBelow / 2)) return {};
  return {Hold::By::kFlights, now + std::clamp(others.in_flight / 8, kTurnPause, kRivalsLeave)};
}

/// For how long what is in flight is believed is for how long it is without progress.
bool Pacer::take_turn(const Request& request, Nanoseconds now) {
  return turns_.take(in_flight_estimate_ + request.estimate,
                     now + std::max(kStall, 4 * std::max(largest_, request.estimate)));
}

void Pacer::tell_flights(Nanoseconds now) {
  const bool any = below_ && in_flight_ > 0;
  turns_.tell(any ? in_flight_estimate_ : 0, now + std::max(kStall, 4 * largest_));
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
  tell_flights(now);
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
    turns_.rest_guard();
    return {};
  }
  publish(request.entitled, now);
  // What passes takes a lease with it.
  const Nanoseconds taken = std::max(request.estimate, kQuantum);
  if (turns_.pass_by_guard(request.estimate, taken, now)) return {};
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

/// This process has what it waited for, and has said how much that is.
void Pacer::end_turn(Nanoseconds now) {
  if (!below_) return;
  tell_flights(now);
  turns_.stop_waiting();
}

/// What goes on a lease is in flight unseen, and many processes have many.
Nanoseconds Pacer::lease_at(Nanoseconds now) const {
  return meter_.needs_starts(now) || joined_ ? kFineQuantum : kQuantum;
}

/// Lets a launch through: charges it, renews the lease, marks it when a notice is due.
void Pacer::go(QueueState& queue, const Request& request, Nanoseconds now, Launch& launch) {
  const bool gated = request.order == Order::kGated;
  queue.entitled = request.entitled;
  queue.lease_epoch = lease_epoch_.load(std::memory_order_relaxed);
  const Nanoseconds quantum = lease_at(now);
  queue.lease = gated || request.estimate > quantum ? 0 : quantum - request.estimate;
  if (!gated) charge(request.estimate, request.entitled, now);
  launch.estimate = gated ? 0 : request.estimate;
  if (queue.open_launches == 0) queue.open_since = now;
  if (request.order == Order::kInOrder && queue.track == 0) queue.track = meter_.new_track();
  const bool due = below_ || request.order != Order::kInOrder || request.samples < kLearning ||
                   queue.open_estimate + request.estimate >= quantum / 2 ||
                   meter_.needs_start(queue.track, now);
  if (due) launch.flight = make_flight(queue, request, now);
  if (launch.flight == nullptr && !gated)
    note_open(queue, request.key, request.estimate);
  else
    ++queue.uncounted;
  count_launches(queue);
  if (!gated) end_turn(now);
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

// SPDX-License-Identifier: Apache-2.0
// Works out the cost of finished work from timestamps and the consumption meter.

#include "shim/core/meter.h"

#include <algorithm>

namespace melon::shim {
namespace {

/// What may be carried on when nothing is known to be in flight: unmarked launches of other queues.
constexpr std::int64_t kIdleLeftover = 500'000;
constexpr std::int64_t kIdleLeftoverOfMany = 8'000'000;  // queues
constexpr Nanoseconds kStillTooLong = 20'000'000;
/// Clocks are compared by the notice that arrived soonest; a larger step is a clock that was set.
constexpr std::int64_t kClockStep = 1'000'000'000;
constexpr Nanoseconds kRecent = 16;        // flights
constexpr Nanoseconds kClockDrift = 1000;  // of so many ns one, at most

Nanoseconds minus(Nanoseconds a, Nanoseconds b) { return a > b ? a - b : 0; }
std::int64_t as_signed(Nanoseconds time) { return static_cast<std::int64_t>(time); }

}  // namespace

/// Brings host_ahead_ up to date: the least delay of a notice, and what the clocks drift apart.
void Meter::follow_clock(Nanoseconds end, Nanoseconds now) {
  const std::int64_t ahead = as_signed(now - end);
  const std::int64_t may_be = host_ahead_ + as_signed((now - clock_seen_at_) / kClockDrift);
  const bool set = clock_seen_at_ == 0 || ahead - may_be > kClockStep;
  host_ahead_ = set ? ahead : std::min(ahead, may_be);
  clock_seen_at_ = now;
}

/// How much a run newly covers. In a queue that is alone its launches are taken to be like the last
/// one, without a gap. Beside others each may have waited for any of these: then the run is all
/// the time since its queue's last finish, or since the launches were admitted; but not the pause
/// between the last launch and those before it, if there may have been one.
Nanoseconds Meter::cover(const Flight& flight, Nanoseconds start, Nanoseconds before,
                         Nanoseconds end) {
  if (flight.launches == 1) return device_time_.add(start, end);
  Nanoseconds earliest = flight.since - static_cast<Nanoseconds>(host_ahead_);
  if (flight.track != 0 && tracks_[flight.track].last_end <= start)
    earliest = std::max(earliest, tracks_[flight.track].last_end);
  earliest = std::min(earliest, start);
  if (alone(flight.admitted))
    return device_time_.add(std::max(earliest, minus(start, before)), end);
  if (!flight.after_pause) return device_time_.add(earliest, end);
  const Nanoseconds first = device_time_.add(earliest, std::min(earliest + before, start));
  return first + device_time_.add(start, end);
}

Meter::Span Meter::span_of(const Flight& flight, const Finish& finish) {
  const Nanoseconds start = finish.start, end = finish.end;
  if (start == 0 || end <= start) {
    const Nanoseconds fresh = host_time_.add(flight.admitted, finish.now);
    return {fresh, fresh, fresh / std::max(flight.launches, 1u)};
  }
  // Only the last launch of a run has timestamps: the others are taken to be like it, or, if they
  // differ in key, to have cost what was estimated.
  const Nanoseconds each = end - start;
  const Nanoseconds before =
      flight.uniform ? each * (flight.launches - 1) : minus(flight.charged, flight.estimate);
  follow_clock(end, finish.now);
  const Nanoseconds fresh = cover(flight, start, before, end);
  tracks_[flight.track].last_end = end;
  return {fresh, before + each, each};
}

bool Meter::believed(Nanoseconds consumed, Nanoseconds span) {
  still_for_ = consumed > 0 ? 0 : still_for_ + span;
  return still_for_ < kStillTooLong;
}

void Meter::begin(Flight& flight) {
  Track& track = tracks_[flight.track];
  flight.after_pause = track.unfinished == 0;
  // Launches that may overtake run beside those of their own queue.
  if (track.unfinished++ == 0 || flight.track == 0) ++running_;
  if (flight.after_pause) track.beside = running_;
}

void Meter::leave(const Flight& flight) {
  if (flight.gated) return;
  if (--tracks_[flight.track].unfinished == 0 || flight.track == 0) --running_;
}

/// What the marked launch cost alone. How much the queues of this process stretch each other shows
/// only in the sums of recent flights: they share the device's time evenly, or run in turn, or
/// something between.
Nanoseconds Meter::sample(const Span& span, Nanoseconds used, unsigned beside) {
  const Nanoseconds even = span.claim / std::max(beside, 1u);
  recent_used_ += used - recent_used_ / kRecent;
  recent_claim_ += span.claim - recent_claim_ / kRecent;
  recent_even_ += even - recent_even_ / kRecent;
  const auto claim = static_cast<double>(std::max(recent_claim_, Nanoseconds{1}));
  const double part = std::min(static_cast<double>(recent_used_) / claim, 1.0);
  const auto each = static_cast<double>(span.each);
  if (exists()) return static_cast<Nanoseconds>(each * part);
  const double least = static_cast<double>(recent_even_) / claim;
  const double evenly = least < 1 ? std::min((1 - part) / (1 - least), 1.0) : 0;
  return static_cast<Nanoseconds>(each * (1 - evenly + evenly / std::max(beside, 1u)));
}

Meter::Cost Meter::settle_by_spans(const Span& span, const Finish& finish, unsigned beside) {
  const Nanoseconds claim = std::min(span.claim, finish.most);
  if (alone(finish.now)) {
    leftover_ = 0;
    return {std::min(span.fresh, claim), span.each, false};
  }
  const Nanoseconds pool = static_cast<Nanoseconds>(leftover_) + span.fresh;
  const Nanoseconds run = std::min(pool, claim);
  // Not more than the others that run now can claim: the rest was a pause, or a rival's.
  largest_claim_ = std::max(span.claim, largest_claim_ - largest_claim_ / 64);
  const std::int64_t most =
      finish.busy ? as_signed(running_ * largest_claim_) + kIdleLeftover : kIdleLeftover;
  leftover_ = std::min(as_signed(pool - run), most);
  return {run, sample(span, span.fresh, beside), false};
}

Meter::Cost Meter::settle_by_meter(const Flight& flight, const Span& span, const Finish& finish,
                                   unsigned beside) {
  const Nanoseconds reading = source_.consumed(source_.context);
  const Nanoseconds consumed = minus(reading, last_);
  last_ = std::max(last_, reading);
  if (!believed(consumed, span.fresh)) {
    leftover_ = 0;
    return {span.fresh, span.each, false};
  }
  const std::int64_t pool = leftover_ + as_signed(consumed);
  if (pool <= 0) {  // a meter that moves in steps: what it has not shown yet is charged in advance
    const Nanoseconds run = consumed > 0 ? 0 : std::min(span.claim, flight.charged);
    leftover_ = pool - as_signed(run);
    return {run, 0, true};
  }
  const auto run = std::min(static_cast<Nanoseconds>(pool), span.claim);
  // A new key's worker may have compiled it: that is nobody's device time, now or later.
  leftover_ = flight.unknown ? 0 : pool - as_signed(run);
  const bool only = alone(finish.now);
  if (!finish.busy) leftover_ = std::min(leftover_, only ? kIdleLeftover : kIdleLeftoverOfMany);
  const Nanoseconds each =
      flight.uniform ? run / std::max(flight.launches, 1u) : std::min(span.each, run);
  return {run, only ? each : sample(span, run, beside), true};
}

Meter::Cost Meter::settle(const Flight& flight, const Finish& finish) {
  if (flight.track != last_track_) alone_since_ = finish.now;
  last_track_ = flight.track;
  Track& track = tracks_[flight.track];
  const unsigned beside = std::min(track.beside, running_);  // at its begin, at its end
  leave(flight);
  track.beside = running_;
  const Span span = span_of(flight, finish);
  return exists() ? settle_by_meter(flight, span, finish, beside)
                  : settle_by_spans(span, finish, beside);
}

bool Meter::advanced() {
  if (!exists()) return false;
  const Nanoseconds reading = source_.consumed(source_.context);
  const bool moved = reading > watched_;
  watched_ = reading;
  return moved;
}

Nanoseconds Meter::take_unsettled() {
  if (!exists()) return 0;
  const Nanoseconds reading = source_.consumed(source_.context);
  const Nanoseconds consumed = minus(reading, last_);
  last_ = std::max(last_, reading);
  leftover_ = 0;
  return consumed;
}

}  // namespace melon::shim

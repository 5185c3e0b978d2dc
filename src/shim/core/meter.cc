// SPDX-License-Identifier: Apache-2.0
// Works out the cost of finished work from timestamps and the consumption meter.

#include "shim/core/meter.h"

#include <algorithm>

namespace melon::shim {
namespace {

/// What may be carried on when nothing is known to be in flight: unmarked launches of other queues.
constexpr Nanoseconds kIdleLeftover = 500'000;
constexpr Nanoseconds kStillTooLong = 20'000'000;

Nanoseconds minus(Nanoseconds a, Nanoseconds b) { return a > b ? a - b : 0; }

}  // namespace

Meter::Span Meter::span_of(const Flight& flight, Nanoseconds start, Nanoseconds end,
                           Nanoseconds now) {
  if (start == 0 || end <= start) {
    const Nanoseconds fresh = host_time_.add(flight.admitted, now);
    return {fresh, fresh / std::max(flight.launches, 1u)};
  }
  // Only the last launch of a run has timestamps: the others are taken to be like it, or, if they
  // differ in key, to have cost what was estimated.
  const Nanoseconds each = end - start;
  const Nanoseconds before =
      flight.uniform ? each * (flight.launches - 1) : minus(flight.charged, flight.estimate);
  return {device_time_.add(minus(start, before), end), each};
}

bool Meter::believed(Nanoseconds consumed, Nanoseconds span) {
  still_for_ = consumed > 0 ? 0 : still_for_ + span;
  return still_for_ < kStillTooLong;
}

Meter::Cost Meter::settle(const Flight& flight, Nanoseconds start, Nanoseconds end, Nanoseconds now,
                          bool busy) {
  const Span span = span_of(flight, start, end, now);
  if (!exists()) return {span.fresh, span.each, false};
  const Nanoseconds reading = source_.consumed(source_.context);
  const Nanoseconds consumed = minus(reading, last_);
  last_ = std::max(last_, reading);
  if (!believed(consumed, span.fresh)) return {span.fresh, span.each, false};
  const Nanoseconds pool = leftover_ + consumed;
  if (pool == 0) return {std::min(span.fresh, flight.charged), 0, true};
  const Nanoseconds run = std::min(pool, span.fresh);
  // A new key's worker may have compiled it: that is nobody's device time, now or later.
  leftover_ = flight.unknown ? 0 : busy ? pool - run : std::min(pool - run, kIdleLeftover);
  const Nanoseconds each =
      flight.uniform ? run / std::max(flight.launches, 1u) : std::min(span.each, run);
  return {run, each, true};
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

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shim/core/attach.h"
#include "shim/core/coverage.h"
#include "shim/core/flight.h"

namespace melon::shim {

/// What finished work has really cost.
///
///  M1  never more than the device was newly covered by the flight's span: time between submission
///      and start (just-in-time compilation on a CPU device) costs nothing.
///  M2  with a consumption meter, never more than the process really consumed: a span stretches
///      under the load of others, the meter does not.
///  M3  a meter that stands still while spans pass is not believed: losing a sensor must not
///      remove a limit.
/// Guarded by the device's lock. Zero-filled memory, then attach().
class Meter {
 public:
  struct Cost {
    Nanoseconds run;   // of all launches that the flight covers
    Nanoseconds each;  // of the marked launch, as a sample; 0: nothing was learned
    bool by_meter;
  };

  void attach(const DeviceSource& source) {
    source_ = source;
    if (source_.consumed != nullptr) last_ = source_.consumed(source_.context);
  }

  /// The cost of a flight that finished now. `busy`: other flights are still unfinished.
  Cost settle(const Flight& flight, Nanoseconds start, Nanoseconds end, Nanoseconds now, bool busy);

  /// True when the meter has moved since this was last asked.
  bool advanced();
  /// What was consumed since the last settlement, for display where nothing is limited.
  Nanoseconds take_unsettled();
  bool exists() const { return source_.consumed != nullptr; }
  /// False: the device tells that it has not so much memory left.
  bool may_have_free(std::uint64_t bytes) const {
    return source_.free_bytes == nullptr || source_.free_bytes(source_.context) >= bytes;
  }

 private:
  struct Span {
    Nanoseconds fresh, each;
  };
  Span span_of(const Flight& flight, Nanoseconds start, Nanoseconds end, Nanoseconds now);
  bool believed(Nanoseconds consumed, Nanoseconds span);

  DeviceSource source_;
  Coverage device_time_, host_time_;
  Nanoseconds last_, leftover_, watched_;
  Nanoseconds still_for_;  // span that passed while the meter stood still
};

}  // namespace melon::shim

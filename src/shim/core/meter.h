// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shim/core/attach.h"
#include "shim/core/coverage.h"
#include "shim/core/flight.h"

namespace melon::shim {

/// What finished work has really cost.
///
/// A flight has a claim, and there is a pool. The claim is what its launches took by their own
/// timestamps: too much where others, queues of this process among them, stretched them, never too
/// little. The pool is the device time that this process is known to have used and not paid for:
/// what its meter moved or, where the device cannot tell, what all its queues together newly cover
/// of the device's time. The cost is the claim as far as the pool goes; what is left is for the
/// flights that ran at the same time and finish later.
///
///  M1  never more than the claim: time between submission and start (just-in-time compilation on a
///      CPU device) costs nothing.
///  M2  with a consumption meter, in sum never more than the process really consumed: a span
///      stretches under the load of others, the meter does not.
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

  /// For the finishes of one more in-order queue.
  unsigned new_track() { return newest_track_ = newest_track_ % (kTracks - 1) + 1; }

  /// A flight is on its way to the device (its gate open), or ends without a finish.
  void begin(Flight& flight);
  void cancel(const Flight& flight) { leave(flight); }
  /// True where only the timestamps of flights tell how the queues of this process overlap.
  bool needs_starts(Nanoseconds now) const { return !exists() && !alone(now); }
  /// True when the queue may be empty as well, so that a run would begin after a pause.
  bool needs_start(unsigned track, Nanoseconds now) const {
    return needs_starts(now) && tracks_[track].unfinished == 0;
  }

  /// When a flight finished.
  struct Finish {
    Nanoseconds start, end;  // the driver's; 0: unknown
    Nanoseconds now;
    bool busy;         // other flights are still unfinished
    Nanoseconds most;  // that its launches are believed to cost where no meter tells
  };
  Cost settle(const Flight& flight, const Finish& finish);

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
  /// A process whose flights are of one queue for so long has no other that runs.
  static constexpr Nanoseconds kAloneAfter = 100'000'000;
  static constexpr unsigned kTracks = 64;  // queues beyond share them and are charged less exactly

  /// An in-order queue.
  struct Track {
    Nanoseconds last_end;  // on the device's clock
    unsigned unfinished;
    unsigned beside;  // queues that ran when its first unfinished flight began
  };
  struct Span {
    Nanoseconds fresh;  // newly covered
    Nanoseconds claim;  // of all launches
    Nanoseconds each;   // of the marked launch
  };
  Span span_of(const Flight& flight, const Finish& finish);
  Nanoseconds cover(const Flight& flight, Nanoseconds start, Nanoseconds before, Nanoseconds end);
  void follow_clock(Nanoseconds end, Nanoseconds now);
  Cost settle_by_spans(const Span& span, const Finish& finish, unsigned beside);
  Cost settle_by_meter(const Flight& flight, const Span& span, const Finish& finish,
                       unsigned beside);
  Nanoseconds sample(const Span& span, Nanoseconds used, unsigned beside);
  void leave(const Flight& flight);
  /// Only one queue runs.
  bool alone(Nanoseconds now) const { return now > alone_since_ + kAloneAfter; }
  bool believed(Nanoseconds consumed, Nanoseconds span);

  DeviceSource source_;
  Coverage device_time_, host_time_;
  Nanoseconds last_, watched_;
  std::int64_t leftover_;      // in the pool
  Nanoseconds largest_claim_;  // recently
  Nanoseconds recent_used_, recent_claim_, recent_even_;
  Nanoseconds still_for_;  // span that passed while the meter stood still

  // Where the device cannot tell what was consumed.
  std::int64_t host_ahead_;    // of the device's clock
  Nanoseconds clock_seen_at_;  // when that was last compared; 0: never
  Nanoseconds alone_since_;    // when a flight of another queue last finished
  unsigned last_track_, newest_track_;
  unsigned running_;  // queues with unfinished flights
  Track tracks_[kTracks];
};

}  // namespace melon::shim

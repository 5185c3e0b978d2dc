// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "shim/core/attach.h"

namespace melon::shim {

/// admitted -> (gated -> open) -> finished or cancelled; then back in the pool.
struct Flight {
  Flight* next_free;
  std::uint64_t key;     // of the marked launch
  Nanoseconds estimate;  // of the marked launch
  Nanoseconds charged;   // of all launches covered; a gated one is charged at its end
  Nanoseconds admitted;  // host clock
  Nanoseconds since;     // host clock: no launch that it covers was admitted before
  std::uint64_t epoch;   // in which it counts as in flight
  unsigned device;
  unsigned launches;  // covered, the marked one included
  unsigned track;     // of an in-order queue; 0: none
  bool live, gated, unknown;
  bool uniform;  // all covered launches have the same key
  bool entitled;
  bool after_pause;  // nothing of its queue was known to be in flight when it was admitted
};

/// Flights without a bound on their number (a program may gate any number of launches), never given
/// back to the system. Guarded by the device's lock. Zero-filled memory is an empty pool.
class FlightPool {
 public:
  /// nullptr: no memory; the launch then goes unmeasured, at its estimate.
  Flight* take();
  void give_back(Flight* flight) {
    flight->live = false;
    flight->next_free = free_;
    free_ = flight;
  }

 private:
  Flight* free_;
};

}  // namespace melon::shim

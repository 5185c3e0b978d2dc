// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "shim/abi/region.h"

namespace melon::shim {

/// What a grant has once, however many processes it starts: the hundredth that its rivals must
/// leave, and beside a higher priority the work that it may have in flight. Both are words of the
/// ledger, without locks.
///
///  U1  the guard of the whole grant lets through kGuardShare in each kGuardWindow, or one longer
///      launch that pays with a longer window.
///  U2  two processes never both take the place in flight that is there for one.
///  U3  who waited longest goes first.
///  U4  nothing here outlives its process by more than the time that it was told for: all marks are
///      times, and a time in the past means "no".
/// Guarded by the device's lock, except that other processes do the same. A process without a slot
/// sees the others and is not seen. Zero-filled memory, then open().
class Turns {
 public:
  using Nanoseconds = std::uint64_t;

  void open(abi::LedgerFile& ledger, unsigned device, int slot);

  /// Starvation guard, asked while others hold the grant: true lets this launch through. `taken` is
  /// what goes with it, at least `estimate`.
  bool pass_by_guard(Nanoseconds estimate, Nanoseconds taken, Nanoseconds now);
  /// Nobody holds the grant: the next hold begins a new window.
  void rest_guard();

  /// The grant's other processes.
  struct Others {
    Nanoseconds in_flight;  // by estimates; 0: nothing
    bool waits_longer;      // one of them was held before this one
    bool any;               // one of them is in flight or held
  };
  Others look(Nanoseconds now);
  /// Says that this process has so much in flight, believed until the given time; unless another
  /// process of the grant took a turn since look(): then false, and nothing is said.
  bool take(Nanoseconds in_flight, Nanoseconds until);
  /// The same without a question. 0: nothing is in flight.
  void tell(Nanoseconds in_flight, Nanoseconds until);
  /// A launch of this process is held, and will ask again; or none is any more.
  void wait(Nanoseconds now);
  void stop_waiting();

 private:
  abi::LedgerFile* ledger_;
  abi::DeviceAccount* account_;
  abi::Turn* own_;  // nullptr: no slot
  unsigned device_;
  std::uint64_t seen_;  // the account's turn at the last look()
  std::uint64_t told_;  // what own_->in_flight says
  Nanoseconds waits_since_, waits_until_;
};

}  // namespace melon::shim

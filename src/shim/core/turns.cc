// SPDX-License-Identifier: Apache-2.0
// What the processes of one grant share of its rights beside other grants.

#include "shim/core/turns.h"

#include <algorithm>

#include "shim/abi/ledger.h"

namespace melon::shim {
namespace {

using Nanoseconds = std::uint64_t;

constexpr Nanoseconds kMicrosecond = 1'000;
constexpr Nanoseconds kMillisecond = 1'000'000;

/// Of every window, the hundredth that neither weights nor priorities can take away.
constexpr Nanoseconds kGuardWindow = 100 * kMillisecond;
constexpr Nanoseconds kGuardShare = 1'300'000;  // granted in whole launches: never below 1 %
/// A word that says more is garbage, or older than the machine's last start.
constexpr Nanoseconds kLongestWindow = 3'600'000 * kMillisecond;
/// Who waits asks again each 20 ms at the latest; on a loaded machine it wakes late.
constexpr Nanoseconds kWaitBelieved = 40 * kMillisecond;
/// No honest process says more.
constexpr Nanoseconds kLongestBelieved = 60'000 * kMillisecond;

/// {when the next window begins, in us : 53 | what is left of this one, in us : 11}
struct GuardWord {
  std::uint64_t next_us, left_us;
};
constexpr unsigned kLeftBits = 11;
constexpr std::uint64_t kMostLeft = (1u << kLeftBits) - 1;
static_assert(kGuardShare / kMicrosecond <= kMostLeft);

GuardWord guard_word(std::uint64_t word) { return {word >> kLeftBits, word & kMostLeft}; }
std::uint64_t pack(GuardWord guard) {
  return guard.next_us << kLeftBits | std::min(guard.left_us, kMostLeft);
}
std::uint64_t to_us(Nanoseconds time) { return (time + kMicrosecond - 1) / kMicrosecond; }

/// {until when it is believed, in 2^20 ns : 44 | in flight, in 2^10 ns : 20}
constexpr unsigned kFlightBits = 20, kFlightUnit = 10;
constexpr std::uint64_t kMostFlight = (1u << kFlightBits) - 1;

std::uint64_t flight_word(Nanoseconds in_flight, Nanoseconds until) {
  if (in_flight == 0) return 0;
  const std::uint64_t size = std::clamp<std::uint64_t>(in_flight >> kFlightUnit, 1, kMostFlight);
  return (until & ~kMostFlight) | size;
}

/// 0 when the word is no longer believed.
Nanoseconds in_flight_of(std::uint64_t word, Nanoseconds now) {
  const Nanoseconds until = word & ~kMostFlight;
  return until <= now || until > now + kLongestBelieved ? 0 : (word & kMostFlight) << kFlightUnit;
}

}  // namespace

void Turns::open(abi::LedgerFile& ledger, unsigned device, int slot) {
  ledger_ = &ledger;
  device_ = device;
  account_ = &ledger.devices[device];
  if (slot < 0) return;
  own_ = &ledger.slots[slot].lanes[device][0].turn;
  own_->in_flight.store(0, std::memory_order_relaxed);  // the slot's last owner may have died
  own_->waits_until.store(0, std::memory_order_relaxed);
}

bool Turns::pass_by_guard(Nanoseconds estimate, Nanoseconds taken, Nanoseconds now) {
  std::uint64_t word = account_->guard.load(std::memory_order_relaxed);
  for (;;) {
    GuardWord guard = guard_word(word);
    const std::uint64_t at = now / kMicrosecond;
    Nanoseconds left = guard.left_us * kMicrosecond;
    bool passes = false;
    if (word == 0 || guard.next_us > at + to_us(kLongestWindow)) {
      guard = {to_us(now + kGuardWindow), 0};
    } else {
      if (at >= guard.next_us) {
        const Nanoseconds window = std::max(kGuardWindow, estimate * (kGuardWindow / kGuardShare));
        guard.next_us = to_us(now + std::min(window, kLongestWindow));
        left = std::max(kGuardShare, estimate);
      }
      passes = left >= estimate;
      if (!passes) return false;
      guard.left_us = (left - std::min(taken, left)) / kMicrosecond;
    }
    if (account_->guard.compare_exchange_weak(word, pack(guard), std::memory_order_relaxed))
      return passes;
  }
}

void Turns::rest_guard() {
  if (account_->guard.load(std::memory_order_relaxed) != 0)
    account_->guard.store(0, std::memory_order_relaxed);
}

Turns::Others Turns::look(Nanoseconds now) {
  seen_ = account_->turn.load(std::memory_order_seq_cst);
  const bool waiting = waits_since_ != 0 && waits_until_ > now;
  const Nanoseconds since = waiting ? waits_since_ : now;
  Others others{};
  const unsigned bound =
      std::min(ledger_->slot_bound.load(std::memory_order_acquire), abi::kMaxProcesses);
  for (unsigned slot = 0; slot < bound; ++slot) {
    const abi::Turn& turn = ledger_->slots[slot].lanes[device_][0].turn;
    if (&turn == own_) continue;
    const Nanoseconds in_flight = in_flight_of(turn.in_flight.load(std::memory_order_seq_cst), now);
    const Nanoseconds until = turn.waits_until.load(std::memory_order_acquire);
    const bool waits = until > now && until <= now + kLongestBelieved;
    if (in_flight == 0 && !waits) continue;
    if (abi::slot_owner(*ledger_, slot).pid == 0) continue;  // it died and was reaped
    others.any = true;
    others.in_flight += in_flight;
    const Nanoseconds theirs = turn.waits_since.load(std::memory_order_relaxed);
    const bool first = theirs < since || (theirs == since && waiting && &turn < own_);
    others.waits_longer = others.waits_longer || (waits && first);
  }
  return others;
}

bool Turns::take(Nanoseconds in_flight, Nanoseconds until) {
  if (own_ == nullptr) return true;
  // Said first and then made valid: whoever looks after that sees it, and of two who looked at the
  // same time one finds that the turn has moved.
  const std::uint64_t before = told_;
  tell(in_flight, until);
  if (account_->turn.compare_exchange_strong(seen_, seen_ + 1, std::memory_order_seq_cst))
    return true;
  told_ = before;
  own_->in_flight.store(told_, std::memory_order_seq_cst);
  return false;
}

void Turns::tell(Nanoseconds in_flight, Nanoseconds until) {
  const std::uint64_t word = flight_word(in_flight, until);
  if (own_ == nullptr || word == told_) return;
  told_ = word;
  own_->in_flight.store(word, std::memory_order_seq_cst);
}

void Turns::wait(Nanoseconds now) {
  if (own_ == nullptr) return;
  if (waits_since_ == 0 || waits_until_ <= now) {
    waits_since_ = now;
    own_->waits_since.store(now, std::memory_order_relaxed);
  }
  waits_until_ = now + kWaitBelieved;
  own_->waits_until.store(waits_until_, std::memory_order_release);
}

void Turns::stop_waiting() {
  if (own_ == nullptr || waits_until_ == 0) return;
  waits_since_ = waits_until_ = 0;
  own_->waits_until.store(0, std::memory_order_release);
}

}  // namespace melon::shim

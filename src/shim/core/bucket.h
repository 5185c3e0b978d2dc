// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace melon::shim {

/// A token bucket of device time in one shared word (virtual scheduling): the moment until which
/// all that ran is paid for. In the past: credit, at most the burst; in the future: debt.
///
///  B1  over any span of time t, charged cost <= rate * t + burst + the last cost.
///  B2  a debt is never longer than kMaxDebt, whatever was written into the word.
/// A view on words in the ledger; any number of processes use them at once.
struct Bucket {
  using Nanoseconds = std::uint64_t;
  static constexpr std::int64_t kMaxDebt = 3'600'000'000'000;  // an hour

  std::atomic<std::int64_t>* paid_until = nullptr;
  std::atomic<std::uint64_t>* rate = nullptr;  // in which paid_until is expressed
  unsigned permille = 0;                       // 0: no limit here

  bool limits() const { return permille > 0 && permille < 1000; }

  /// When the next launch may go: now or earlier means at once.
  Nanoseconds allowed_at(Nanoseconds now) const {
    if (!limits()) return now;
    const auto at = static_cast<std::int64_t>(now);
    std::int64_t paid = paid_until->load(std::memory_order_relaxed);
    if (paid > at + kMaxDebt) paid_until->compare_exchange_strong(paid, at + kMaxDebt);
    paid = std::min(paid, at + kMaxDebt);
    return paid <= at ? now : static_cast<Nanoseconds>(paid);
  }

  /// Charges device time; credit beyond `burst` (device time) is forgotten first.
  void charge(Nanoseconds now, Nanoseconds cost, Nanoseconds burst) const {
    if (limits()) move(now, wall(cost), wall(burst));
  }

  /// Corrects an earlier charge by a difference, either way.
  void correct(Nanoseconds now, std::int64_t difference) const {
    if (!limits()) return;
    const std::int64_t size =
        wall(static_cast<Nanoseconds>(difference < 0 ? -difference : difference));
    move(now, difference < 0 ? -size : size, kMaxDebt);
  }

  /// Makes `permille` the rate. A debt is rescaled, so that it costs the same device time as
  /// before.
  void adopt(Nanoseconds now) const {
    if (!limits()) return;
    std::uint64_t old = rate->load(std::memory_order_relaxed);
    if (old == permille || !rate->compare_exchange_strong(old, permille)) return;
    if (old == 0 || old > 1000) return;
    const auto at = static_cast<std::int64_t>(now);
    std::int64_t paid = paid_until->load(std::memory_order_relaxed);
    while (paid > at) {
      const std::int64_t debt = std::min(paid - at, kMaxDebt);
      const std::int64_t scaled =
          at + debt / static_cast<std::int64_t>(permille) * static_cast<std::int64_t>(old);
      if (paid_until->compare_exchange_weak(paid, std::min(scaled, at + kMaxDebt))) return;
    }
  }

 private:
  /// The wall time in which the rate earns this much device time.
  std::int64_t wall(Nanoseconds cost) const {
    constexpr Nanoseconds kBound = static_cast<Nanoseconds>(kMaxDebt);
    return static_cast<std::int64_t>(std::min(std::min(cost, kBound) * 1000 / permille, kBound));
  }

  void move(Nanoseconds now, std::int64_t by, std::int64_t credit) const {
    const auto at = static_cast<std::int64_t>(now);
    std::int64_t paid = paid_until->load(std::memory_order_relaxed);
    std::int64_t next = 0;
    do {
      next = std::clamp(paid, at - credit, at + kMaxDebt) + by;
    } while (!paid_until->compare_exchange_weak(paid, next));
  }
};

}  // namespace melon::shim

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "shim/abi/region.h"

namespace melon::shim {

/// Whether limits, weights and suspension let everything of the grant through, in one look that
/// asks no device and takes no lock.
///
/// It remembers the sum of the generations of all that could say otherwise (the policy, the arenas
/// of its devices), taken while nothing was limited. Generations only grow: as long as the sum is
/// the same, none of them has moved and nothing is limited. So nobody has to close it.
///
/// Zero-filled memory is a closed passage; it lives where a fork wipes it. Any thread may ask;
/// watch() only before that.
class Passage {
 public:
  void watch(const std::atomic<std::uint64_t>* generation) { watched_[count_++] = generation; }

  bool open() const {
    const std::uint64_t sum = open_at_.load(std::memory_order_relaxed);
    return sum != 0 && sum == now();
  }

  /// The sum of what is watched; never 0.
  std::uint64_t now() const {
    std::uint64_t sum = 1;
    for (unsigned i = 0; i < count_; ++i) sum += watched_[i]->load(std::memory_order_acquire);
    return sum;
  }

  /// Nothing was limited when now() was `sum`.
  void open_at(std::uint64_t sum) { open_at_.store(sum, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> open_at_{0};
  unsigned count_ = 0;
  const std::atomic<std::uint64_t>* watched_[1 + abi::kMaxDevices] = {};
};

}  // namespace melon::shim

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace melon::shim {

/// What launches of each key cost, learned from the last 16 samples. The estimate is their 25th
/// percentile: spans include slices that others took, so a low quantile tracks the solo cost.
/// Fixed in size and lossy: a key that is pushed out is learned again. find() from any thread;
/// add() under the device's lock. Zero-filled memory is an empty table.
class CostTable {
 public:
  static constexpr unsigned kSamples = 16;

  struct Estimate {
    std::uint64_t cost_ns = 0;
    unsigned samples = 0;  // 0: never seen
  };

  Estimate find(std::uint64_t key) const {
    const unsigned home = home_of(key);
    for (unsigned i = 0; i < kWays; ++i) {
      const Entry& entry = entries_[home + i];
      if (entry.key.load(std::memory_order_relaxed) != nonzero(key)) continue;
      const std::uint64_t value = entry.value.load(std::memory_order_relaxed);
      return {value >> kCountBits, static_cast<unsigned>(value & kCountMask)};
    }
    return {};
  }

  void add(std::uint64_t key, std::uint64_t cost_ns) {
    const unsigned at = claim(key);
    Entry& entry = entries_[at];
    const std::uint64_t value = entry.value.load(std::memory_order_relaxed);
    const auto count = static_cast<unsigned>(value & kCountMask);
    std::uint64_t(&ring)[kSamples] = rings_[at];
    ring[count % kSamples] = std::min(cost_ns, kMaxCost);
    const unsigned next = count + 1 < kCountMask ? count + 1 : kCountMask - kSamples + 1;
    const std::uint64_t low = low_quantile(ring, std::min(count + 1, kSamples));
    entry.value.store(low << kCountBits | next, std::memory_order_relaxed);
  }

 private:
  static constexpr unsigned kHomes = 512, kWays = 4;
  static constexpr unsigned kCountBits = 8, kCountMask = 255;
  static constexpr std::uint64_t kMaxCost = std::uint64_t{1} << 50;

  struct Entry {
    std::atomic<std::uint64_t> key;
    std::atomic<std::uint64_t> value;  // {estimate : 56 | samples : 8}
  };

  static std::uint64_t nonzero(std::uint64_t key) { return key == 0 ? 1 : key; }
  static unsigned home_of(std::uint64_t key) {
    return static_cast<unsigned>((nonzero(key) * 0x9e3779b97f4a7c15ULL) >> 55);
  }
  static_assert(kHomes == 1u << (64 - 55));

  /// The key's place; a new key pushes out the one of its ways that was sampled least.
  unsigned claim(std::uint64_t key) {
    const unsigned home = home_of(key);
    unsigned victim = home;
    std::uint64_t fewest = ~std::uint64_t{0};
    for (unsigned i = 0; i < kWays; ++i) {
      const std::uint64_t held = entries_[home + i].key.load(std::memory_order_relaxed);
      if (held == nonzero(key)) return home + i;
      const std::uint64_t count =
          held == 0 ? 0
                    : 1 + (entries_[home + i].value.load(std::memory_order_relaxed) & kCountMask);
      if (count < fewest) fewest = count, victim = home + i;
    }
    entries_[victim].value.store(0, std::memory_order_relaxed);
    entries_[victim].key.store(nonzero(key), std::memory_order_relaxed);
    return victim;
  }

  static std::uint64_t low_quantile(const std::uint64_t (&ring)[kSamples], unsigned count) {
    std::uint64_t sorted[kSamples];
    std::copy_n(ring, count, sorted);
    for (unsigned i = 1; i < count; ++i)
      for (unsigned j = i; j > 0 && sorted[j] < sorted[j - 1]; --j)
        std::swap(sorted[j], sorted[j - 1]);
    return sorted[(count - 1) / 4];
  }

  Entry entries_[kHomes + kWays];
  std::uint64_t rings_[kHomes + kWays][kSamples];
};

}  // namespace melon::shim

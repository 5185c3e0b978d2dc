// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace melon::placement::detail {

/// A tournament over numbers: which position holds the largest, the first of equals. Each inner
/// node is the largest of kFan below it, which is one cache line, so that an update touches one
/// line per level and the whole takes 4.3 bytes a position.
class RankTree {
 public:
  static constexpr std::int32_t kNone = std::numeric_limits<std::int32_t>::min();

  /// All positions hold kNone.
  void reset(std::size_t positions) {
    levels_.clear();
    for (std::size_t size = std::max<std::size_t>(positions, 1);; size = blocks(size)) {
      levels_.emplace_back(blocks(size) * kFan, kNone);
      if (size <= kFan) break;
    }
  }

  /// Asks for the memory that at() and set() will read.
  void fetch(std::size_t position) const {
    __builtin_prefetch(&levels_.front()[position]);
    if (levels_.size() > 1) __builtin_prefetch(&levels_[1][position / kFan]);
  }

  std::int32_t at(std::size_t position) const { return levels_.front()[position]; }

  /// Sets one position and what depends on it.
  void set(std::size_t position, std::int32_t value) {
    for (std::size_t level = 0;; ++level) {
      std::int32_t& place = levels_[level][position];
      const std::int32_t was = place;
      if (was == value) return;
      place = value;
      if (level + 1 == levels_.size()) return;
      position /= kFan;
      const std::int32_t most = levels_[level + 1][position];
      if (value < most) {
        if (was < most) return;  // it was not the largest, and is not now
        value = largest(&levels_[level][position * kFan]);
      }
    }
  }

  std::int32_t best_value() const { return largest(levels_.back().data()); }

  /// The first position that holds best_value().
  std::size_t best() const {
    const std::int32_t value = best_value();
    std::size_t position = 0;
    for (std::size_t level = levels_.size(); level-- > 0;) {
      const std::int32_t* const block = &levels_[level][position * kFan];
      position =
          position * kFan + static_cast<std::size_t>(std::find(block, block + kFan, value) - block);
    }
    return position;
  }

  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const std::vector<std::int32_t>& level : levels_)
      sum += level.capacity() * sizeof(std::int32_t);
    return sum;
  }

 private:
  static constexpr std::size_t kFan = 16;
  static std::size_t blocks(std::size_t size) { return (size + kFan - 1) / kFan; }
  static std::int32_t largest(const std::int32_t* block) {
    std::int32_t found = block[0];
    for (std::size_t i = 1; i < kFan; ++i) found = std::max(found, block[i]);
    return found;
  }

  std::vector<std::vector<std::int32_t>> levels_;  // leaves first
};

}  // namespace melon::placement::detail

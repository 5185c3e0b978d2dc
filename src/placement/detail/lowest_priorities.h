// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace melon::placement::detail {

/// Of a node without grants.
inline constexpr std::int32_t kNoPriority = std::numeric_limits<std::int32_t>::max();

/// What the lowest priorities of a node's grants are at least, beside each other in half a cache
/// line: to know them, a search through all nodes need not read the grants. The i-th is never above
/// that of the grant with the i-th lowest priority, and is it while no more grants than kMost were
/// there; after that it may be below it.
class LowestPriorities {
 public:
  static constexpr std::size_t kMost = 8;

  /// Of the grant that comes i-th; of those beyond, what the last of kMost is.
  std::int32_t at_least(std::size_t i) const { return lowest_[std::min(i, kMost - 1)]; }

  void add(std::int32_t priority) {
    if (priority >= lowest_.back()) return;
    const auto at = std::ranges::upper_bound(lowest_, priority);
    std::move_backward(at, lowest_.end() - 1, lowest_.end());
    *at = priority;
  }

  /// Of one that was added. Who moves up to the last place is at least what was there.
  void remove(std::int32_t priority) {
    const auto at = std::ranges::upper_bound(lowest_, priority);
    if (at != lowest_.begin()) std::move(at, lowest_.end(), at - 1);
  }

  /// Whether so few grants are left that the places of the others must be free, and are not.
  bool are_stale(std::size_t grants) const {
    return grants < kMost && lowest_.at(grants) != kNoPriority;
  }

 private:
  std::array<std::int32_t, kMost> lowest_ = {kNoPriority, kNoPriority, kNoPriority, kNoPriority,
                                             kNoPriority, kNoPriority, kNoPriority, kNoPriority};
};

}  // namespace melon::placement::detail

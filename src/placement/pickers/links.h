// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "placement/pickers/groups.h"

namespace melon::placement::pickers {

/// How well two candidates are linked; symmetric, 0 on the diagonal.
class LinkMatrix {
 public:
  explicit LinkMatrix(std::size_t size) : size_(size), scores_(size * size, 0) {}

  std::size_t size() const { return size_; }
  std::int64_t at(std::size_t a, std::size_t b) const { return scores_[a * size_ + b]; }
  /// What one end says; where both speak and differ the pair counts as not linked.
  void say(std::size_t from, std::size_t to, std::int64_t score);

 private:
  std::size_t size_;
  std::vector<std::int64_t> scores_;
  std::vector<bool> said_ = std::vector<bool>(size_ * size_, false);
};

/// Up to this many sets are compared; beyond it the set grows from the best pair, one at a time.
inline constexpr std::size_t kMostSets = 20'000;

/// One: the candidate with the lowest sum over all links, so that the well linked stay together.
/// Several: the set with the largest sum of pairs. Of equal ones the first in lexical order. Empty
/// when there are fewer candidates.
Picks best_linked(const LinkMatrix& links, std::size_t count);

/// Calls `visit` with each set of `count` of `total` positions in lexical order, until it says no.
void for_each_set(std::size_t total, std::size_t count,
                  const std::function<bool(const Picks&)>& visit);

}  // namespace melon::placement::pickers

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace melon::placement::pickers {

/// Positions of candidates.
using Picks = std::vector<std::size_t>;

/// A device that belongs to no group or zone.
inline constexpr std::int64_t kNoGroup = -1;

/// `count` candidates, given the group of each in walk order. One: the first. Several: those of the
/// group with most candidates, then of the next; of equal groups the one met first. Candidates
/// without a group count as one group of the rest. Fewer than `count` when there are not enough.
Picks biggest_group(std::span<const std::int64_t> groups, std::size_t count);

/// Candidates in pairs (index / 2) of which both are there, given the index of each; lowest pairs
/// first. Fewer than `count` when there are not enough; an odd count gets one less.
Picks full_pairs(std::span<const std::int64_t> indices, std::size_t count);

/// Candidates of the smallest zone that holds all; without one, zones are filled smallest first,
/// and candidates without a zone (kNoGroup or 0) come last. Of equal zones the lower number is
/// first.
Picks zone_best_fit(std::span<const std::int64_t> zones, std::size_t count);

}  // namespace melon::placement::pickers

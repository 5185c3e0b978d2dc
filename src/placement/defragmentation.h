// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "placement/engine.h"

namespace melon::placement {

/// A grant that may be moved: ended where it is, and placed anew by what its pod asks for.
struct MovableGrant {
  std::string id = {};
  PodRequest request = {};
};

struct DefragmentationOptions {
  std::size_t most_moves = 10;
  /// What the search may take, over all its ways, before it is content with what it has: 1 for
  /// looking whether a grant may find another place, 8 for moving it on trial.
  std::int64_t most_effort = 400'000;
  /// Nodes to which nobody is to come, by name: none of their devices counts as free, is freed, or
  /// is a place to go to. Cordoned nodes are such by themselves.
  std::set<std::string> closed_nodes = {};
  /// Whether a grant may go where the engine would put it: for rules that the engine does not know.
  /// Empty: it may.
  std::function<bool(const std::string& id, const Decision& decision)> allows = {};
};

/// One device of one node.
struct CardPlace {
  std::uint32_t node = 0;
  std::uint16_t card = 0;

  auto operator<=>(const CardPlace&) const = default;
};

/// One grant that moves.
struct Move {
  std::string id = {};
  std::uint32_t from = 0;
  std::vector<CardSlice> left = {};  // what it held there
  std::uint32_t to = 0;
  detail::Layout layout = {};         // where it goes, and what it holds there
  std::vector<CardPlace> frees = {};  // devices on which now nobody is; of the last of several
                                      // moves that free them together
};

/// Which moves free whole devices.
struct Defragmentation {
  std::vector<Move> moves = {};  // in this order each can be made, with those before it made
  std::int64_t free_before = 0;  // usable devices on which nobody is
  std::int64_t free_after = 0;
};

/// Looks for moves that leave more devices of a cluster to nobody. Devices are cleared one after
/// the other: all grants on one go to devices that others are on already, by every rule of the
/// engine, and none of them comes back to a device that was cleared or was free before. So every
/// move is one of those that free a device, no free device is taken, and what is promised is there
/// at the end. The best of several orders in which devices are cleared is the answer: most devices,
/// then fewest moves. No grant is moved twice or only to make room for another, and no two change
/// places: searching every sequence of moves may find more. Grants that are not in `movable` stay.
/// Changes nothing; takes time in proportion to the devices in use, within most_effort.
Defragmentation defragment(const Index& index, std::span<const MovableGrant> movable,
                           const DefragmentationOptions& options = {});

}  // namespace melon::placement

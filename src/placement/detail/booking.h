// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "placement/detail/node_table.h"

namespace melon::placement {
struct GrantEntry;
}

namespace melon::placement::detail {

/// Takes all slots of a card away, or gives them back: for cards that may not be used for a while.
void set_usable(NodeTable& nodes, std::uint32_t node, std::uint16_t card, bool is_usable);

/// What a row knows of its cards together, worked out again from each of them.
void sum_up(const NodeTable& nodes, NodeRow& row);

enum class Sign { kBook, kFree };

/// Counts a grant into all sums of a node, or out of them.
void count(NodeTable& nodes, std::uint32_t node, const GrantEntry& grant, Sign sign);

}  // namespace melon::placement::detail

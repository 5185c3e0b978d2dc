// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "placement/detail/node_table.h"
#include "placement/detail/scorer.h"
#include "placement/shape.h"

namespace melon::placement::detail {

/// What descriptors (DeviceDemand::node_score) add to HAMi's score of a node for a request that
/// would lie on it like this; its grants are as before. Each vendor once, over all containers.
/// `spreads`: the lowest node wins.
double hami_vendor_score(const NodeTable& nodes, std::uint32_t node, const Shape& shape,
                         std::span<const ContainerSlice> slices, bool spreads);

}  // namespace melon::placement::detail

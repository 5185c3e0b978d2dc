// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "placement/detail/node_table.h"
#include "placement/pickers/device_rules.h"
#include "placement/pod_request.h"

namespace melon::placement::detail {

/// A card of a node, and what a request that is being laid out already has on it.
struct CardAt {
  std::uint32_t node = 0;
  std::uint16_t card = 0;
  Amounts more = {};
};

/// What is on a card, as the rules of its descriptor look at it.
pickers::DeviceUse use_of(const NodeTable& nodes, const CardAt& at);

/// The first rule of the demand that a card breaks. kSameDevicePerPod is not asked: it is about the
/// request.
std::optional<vendors::DeviceRule> broken_rule(const NodeTable& nodes, const CardAt& at,
                                               const DeviceDemand& demand);

/// The same of the rules of the card's descriptor alone: whether the request wants a card that
/// nobody is on does not matter.
std::optional<vendors::DeviceRule> broken_vendor_rule(const NodeTable& nodes, const CardAt& at,
                                                      const DeviceDemand& demand);

}  // namespace melon::placement::detail

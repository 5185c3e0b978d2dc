// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "placement/detail/node_table.h"
#include "placement/pod_request.h"

namespace melon::placement::detail {

/// Whether the devices of a demand are taken in sets that its picker makes.
bool takes_sets(const DeviceDemand& demand);

/// Whether no other sets may be taken than those that the picker makes; others are preferences.
bool binds_to_sets(const DeviceDemand& demand);

/// Cards of one node that could each take a slice, in the order in which a policy would take them.
struct CardCandidates {
  std::uint32_t node = 0;
  std::span<const std::uint16_t> cards = {};
  bool by_numa = false;  // their groups are NUMA nodes
};

/// The demand's picker for this policy: where links matter to it above all, that of the links.
vendors::PickerKind picker_of(const DeviceDemand& demand, const NodeTable& nodes,
                              std::uint32_t node, bool links_first);

/// Told a set; true when it is taken.
using SetVisitor = std::function<bool(std::span<const std::uint16_t>)>;

/// Calls `visit` with the sets of a demand that its picker makes of the candidates, best first,
/// until one is taken; true when one was. Of a picker that binds all sets that it allows, of others
/// the best.
bool visit_sets(const NodeTable& nodes, const CardCandidates& candidates,
                const DeviceDemand& demand, vendors::PickerKind kind, const SetVisitor& visit);

}  // namespace melon::placement::detail

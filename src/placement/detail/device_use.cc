// SPDX-License-Identifier: Apache-2.0
// Holds cards against the rules that descriptors have for them.
#include "placement/detail/device_use.h"

#include <algorithm>
#include <vector>

#include "placement/fragmentation.h"

namespace melon::placement::detail {
namespace {

using pickers::DeviceUse;
using vendors::DeviceRule;

constexpr std::int64_t kWholePercent = 100;

vendors::Qos qos_of(const Amounts& used) {
  if (used[kFixedShare] > 0) return vendors::Qos::kFixedShare;
  if (used[kBurstShare] > 0) return vendors::Qos::kBurstShare;
  // Nobody but online users, who are free of the rule, leaves it open.
  return used[kSlots] > used[kOnline] ? vendors::Qos::kBestEffort : vendors::Qos::kNone;
}

/// The cards of one group (Picker::attribute), or the card alone.
std::vector<DeviceUse> members(const NodeTable& nodes, const CardAt& at) {
  const NodeRow& row = nodes.rows[at.node];
  const auto cards = nodes.cards_of(row);
  const auto kinds = nodes.kind_of(row);
  const std::int16_t group = cards[at.card].link_group;
  std::vector<DeviceUse> uses;
  for (std::uint16_t card = 0; card < row.cards; ++card) {
    const bool is_member =
        card == at.card || (group >= 0 && cards[card].link_group == group &&
                            nodes.kinds[kinds[card]].vendor == nodes.kinds[kinds[at.card]].vendor);
    if (is_member) uses.push_back(use_of(nodes, {.node = at.node, .card = card}));
  }
  return uses;
}

bool holds(DeviceRule rule, const NodeTable& nodes, const CardAt& at, const DeviceDemand& demand) {
  const DeviceKind& kind = nodes.kinds[nodes.kind_of(nodes.rows[at.node])[at.card]];
  const vendors::Demand asked{
      .compute = demand.each[kCompute], .qos = demand.qos, .app_class = demand.app_class};
  switch (rule) {
    case DeviceRule::kUniformSlice:
      return pickers::uniform_slice(use_of(nodes, at), MiB(amounts_on(demand, kind)[kMemory]));
    case DeviceRule::kQosEqual:
      return pickers::qos_equal(use_of(nodes, at), asked, kWholePercent);
    case DeviceRule::kAppClass:
      return pickers::app_class(use_of(nodes, at), asked);
    case DeviceRule::kIdleOnly:
      return pickers::idle_only(use_of(nodes, at));
    case DeviceRule::kMemberMutex:
      return !(demand.unused || is_alone_on(demand, kind)) ||
             pickers::member_mutex(members(nodes, at));
    case DeviceRule::kSameDevicePerPod:
      return true;
  }
  return true;
}

}  // namespace

DeviceUse use_of(const NodeTable& nodes, const CardAt& at) {
  const NodeRow& row = nodes.rows[at.node];
  const Amounts& capacity = nodes.kinds[nodes.kind_of(row)[at.card]].capacity;
  const Amounts used = bookable(capacity, nodes.entries[at.node].oversubscription) -
                       nodes.room_of(row)[at.card] + at.more;
  return {.slots = used[kSlots],
          .memory = MiB(used[kMemory]),
          .online = used[kOnline],
          .offline = used[kOffline],
          .qos = qos_of(used)};
}

std::optional<DeviceRule> broken_rule(const NodeTable& nodes, const CardAt& at,
                                      const DeviceDemand& demand) {
  if (demand.unused && !pickers::idle_only(use_of(nodes, at))) return DeviceRule::kIdleOnly;
  return broken_vendor_rule(nodes, at, demand);
}

std::optional<DeviceRule> broken_vendor_rule(const NodeTable& nodes, const CardAt& at,
                                             const DeviceDemand& demand) {
  for (const DeviceRule rule : demand.rules)
    if (!holds(rule, nodes, at, demand)) return rule;
  return std::nullopt;
}

}  // namespace melon::placement::detail

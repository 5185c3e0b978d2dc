// SPDX-License-Identifier: Apache-2.0
// Applies events about nodes and grants, and keeps the counters of every card.
#include "placement/index.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "placement/detail/booking.h"

namespace melon::placement {
namespace {

using detail::NodeEntry;
using detail::NodeRow;

Result<> check_amounts(const std::string& what, const Amounts& amounts) {
  for (const std::int32_t amount : amounts.of)
    if (amount < 0 || amount > kUnusable)
      return fail(
          Code::kInvalidArgument,
          fmt::format("{} has an amount of {}; 0 to {} are possible", what, amount, kUnusable),
          "correct what announces it");
  return {};
}

Result<> check_node(const NodeSpec& node) {
  if (node.name.empty()) return fail(Code::kInvalidArgument, "a node has no name", "name it");
  std::set<std::string_view> uuids;
  for (const DeviceSpec& device : node.devices) {
    MELON_RETURN_IF_ERROR(check_amounts(fmt::format("device {} of node {}", device.uuid, node.name),
                                        device.capacity));
    if (!uuids.insert(device.uuid).second)
      return fail(Code::kInvalidArgument,
                  fmt::format("node {} has two devices with the uuid '{}'", node.name, device.uuid),
                  "give each device a uuid of its own");
  }
  return {};
}

/// Of a node whose devices are in order.
std::vector<detail::CardLink> card_links(const NodeSpec& node) {
  std::vector<detail::CardLink> links;
  const auto place_of = [&node](const std::string& uuid) {
    return std::ranges::find(node.devices, uuid, &DeviceSpec::uuid) - node.devices.begin();
  };
  for (const DeviceLink& link : node.links) {
    const auto from = place_of(link.from);
    const auto to = place_of(link.to);
    if (std::max(from, to) < std::ssize(node.devices))
      links.push_back(
          {static_cast<std::uint16_t>(from), static_cast<std::uint16_t>(to), link.score});
  }
  return links;
}

}  // namespace

detail::TaskClass task_class(const detail::NodeTable& nodes, const NodeRow& row,
                             const std::vector<CardSlice>& slices) {
  using detail::TaskClass;
  const auto is_share = [&] {  // a single slice that leaves something of its card
    const CardSlice& slice = slices.front();
    const Amounts& capacity = nodes.kinds[nodes.kind[row.first_card + slice.card]].capacity;
    return detail::free_milli(capacity - slice.amounts, capacity) > 0;
  };
  switch (slices.size()) {
    case 0:
      return TaskClass::kNone;
    case 1:
      return is_share() ? TaskClass::kShare : TaskClass::kOne;
    case 2:
      return TaskClass::kTwo;
    case 4:
      return TaskClass::kFour;
    case 8:
      return TaskClass::kEight;
    default:
      return TaskClass::kOther;
  }
}

void Index::Tombstones::add(const std::string& name, std::uint64_t version) {
  if (version == 0) return;
  const auto [at, is_new] = versions.try_emplace(name, version);
  if (!is_new) {
    at->second = std::max(at->second, version);
    return;
  }
  order.push_back(name);
  if (order.size() <= kTombstones) return;
  versions.erase(order.front());
  order.pop_front();
}

bool Index::Tombstones::covers(const std::string& name, std::uint64_t version) const {
  const auto at = versions.find(name);
  return at != versions.end() && version <= at->second;
}

std::optional<std::uint32_t> Index::find_node(const std::string& name) const {
  const auto at = node_slots_.find(name);
  if (at == node_slots_.end()) return std::nullopt;
  return at->second;
}

const GrantEntry* Index::find_grant(const std::string& id) const {
  const auto slot = grant_slot(id);
  return slot ? &grants_[*slot] : nullptr;
}

std::uint32_t Index::slot_for(const NodeSpec& node) {
  const auto [at, is_new] = node_slots_.try_emplace(node.name, 0);
  if (!is_new) return at->second;
  if (free_nodes_.empty()) {
    at->second = static_cast<std::uint32_t>(nodes_.rows.size());
    nodes_.rows.emplace_back();
    nodes_.entries.emplace_back();
  } else {
    at->second = free_nodes_.back();
    free_nodes_.pop_back();
  }
  return at->second;
}

std::uint16_t Index::kind_of(const DeviceSpec& device) {
  const detail::DeviceKind kind{device.vendor, device.type, device.capacity};
  const auto at = std::ranges::find(nodes_.kinds, kind);
  if (at == nodes_.kinds.end()) {
    nodes_.kinds.push_back(kind);
    return static_cast<std::uint16_t>(nodes_.kinds.size() - 1);
  }
  return static_cast<std::uint16_t>(at - nodes_.kinds.begin());
}

void Index::write_cards(std::uint32_t node, const NodeSpec& spec) {
  NodeRow& row = nodes_.rows[node];
  const std::size_t wanted = spec.devices.size();
  if (row.cards != wanted) {
    if (row.cards > 0) free_cards_.emplace(row.cards, row.first_card);
    if (const auto range = free_cards_.find(wanted); range != free_cards_.end()) {
      row.first_card = range->second;
      free_cards_.erase(range);
    } else {
      row.first_card = static_cast<std::uint32_t>(nodes_.room.size());
      nodes_.room.resize(nodes_.room.size() + wanted);
      nodes_.milli.resize(nodes_.room.size());
      nodes_.kind.resize(nodes_.room.size());
      nodes_.cards.resize(nodes_.room.size());
    }
    row.cards = static_cast<std::uint16_t>(wanted);
  }
  row.milli_free = 0;
  for (std::size_t i = 0; i < wanted; ++i) {
    const DeviceSpec& device = spec.devices[i];
    const std::size_t at = row.first_card + i;
    nodes_.kind[at] = kind_of(device);
    nodes_.cards[at] = {.uuid = device.uuid,
                        .index = device.index,
                        .numa = static_cast<std::int16_t>(device.numa.value_or(-1)),
                        .link_group = static_cast<std::int16_t>(device.link_group.value_or(-1)),
                        .healthy = device.healthy,
                        .cordoned = device.cordoned};
    nodes_.room[at] = bookable(device.capacity, spec.oversubscription);
    if (!device.healthy || device.cordoned) nodes_.room[at][kSlots] -= kUnusable;
    nodes_.milli[at] = detail::free_milli(nodes_.room[at], device.capacity);
    row.milli_free += nodes_.milli[at];
  }
  const auto kinds = nodes_.kind_of(row);
  row.kind = kinds.empty() ? std::uint16_t{0} : kinds.front();
  row.uniform = std::ranges::all_of(kinds, [&row](std::uint16_t kind) { return kind == row.kind; });
  detail::sum_up(nodes_, row);
}

void Index::write_entry(std::uint32_t node, const NodeSpec& spec) {
  NodeEntry& entry = nodes_.entries[node];
  entry = {.name = spec.name,
           .rank = spec.rank,
           .present = true,
           .cordoned = spec.cordoned,
           .capacity = spec.capacity,
           .oversubscription = spec.oversubscription,
           .extended_capacity = spec.extended,
           .extended_free = spec.extended,
           .labels = spec.labels,
           .taints = spec.taints,
           .links = card_links(spec),
           .score_tables = spec.score_tables};
  NodeRow& row = nodes_.rows[node];
  row.free = spec.capacity;
  row.cpu_capacity = spec.capacity.cpu_milli;
  row.open = !spec.cordoned;
  row.tainted = !spec.taints.empty();
  row.pods = 0;
  row.tasks = {};
}

Result<> Index::apply(NodeSpec node, std::uint64_t version) {
  MELON_RETURN_IF_ERROR(check_node(node));
  std::ranges::sort(node.devices, {}, [](const DeviceSpec& device) {
    return std::pair(device.index, std::string_view(device.uuid));
  });
  if (gone_nodes_.covers(node.name, version)) return {};
  if (const auto known = node_versions_.find(node.name);
      known != node_versions_.end() && version != 0 && version <= known->second)
    return {};
  const auto there = find_node(node.name);
  node_versions_[node.name] = version;
  if (there && node_spec(*there) == node) return {};
  const std::uint32_t slot = slot_for(node);
  const auto kinds = [&] { return nodes_.kind_of(nodes_.rows[slot]); };
  const std::vector<std::uint16_t> had(kinds().begin(), kinds().end());
  const bool stays = there && nodes_.entries[slot].rank == node.rank;
  detach_all(slot);
  write_entry(slot, node);
  write_cards(slot, node);
  if (!stays || !std::ranges::equal(had, kinds())) ++layout_;
  changes_.note(slot);
  rule_changes_.note(slot);
  const auto waiting = waiting_.extract(node.name);
  if (waiting.empty()) return {};
  for (const auto& [id, grant] : waiting.mapped()) {
    waiting_node_.erase(id);
    attach(grant.spec, grant.version);
  }
  return {};
}

void Index::set_cordoned(std::uint32_t node, std::uint16_t card, bool is_cordoned) {
  detail::CardEntry& entry = nodes_.cards[nodes_.rows[node].first_card + card];
  if (entry.cordoned == is_cordoned) return;
  entry.cordoned = is_cordoned;
  if (entry.healthy) detail::set_usable(nodes_, node, card, !is_cordoned);
  changes_.note(node);
  rule_changes_.note(node);
}

void Index::remove_node(const std::string& name, std::uint64_t version) {
  const auto known = node_slots_.find(name);
  if (known != node_slots_.end()) {
    if (version != 0 && version < node_versions_[name]) return;
    const std::uint32_t slot = known->second;
    detach_all(slot);
    NodeRow& row = nodes_.rows[slot];
    if (row.cards > 0) free_cards_.emplace(row.cards, row.first_card);
    row = {};
    nodes_.entries[slot] = {};
    free_nodes_.push_back(slot);
    node_slots_.erase(known);
    node_versions_.erase(name);
    ++layout_;
    changes_.note(slot);
    rule_changes_.note(slot);
  }
  gone_nodes_.add(name, version);
}

}  // namespace melon::placement

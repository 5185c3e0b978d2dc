// SPDX-License-Identifier: Apache-2.0
// The grants of the index: which events count, what they book, and the audit of the counters.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "placement/detail/booking.h"
#include "placement/index.h"

namespace melon::placement {
namespace {

using detail::NodeEntry;
using detail::NodeRow;

Result<> check_grant(const GrantSpec& grant) {
  if (grant.id.empty())
    return fail(Code::kInvalidArgument, fmt::format("a grant on node {} has no id", grant.node),
                "name it");
  for (const BookedSlice& slice : grant.slices)
    for (const std::int32_t amount : slice.amounts.of)
      if (amount < 0 || amount > kMostAmount / 2)
        return fail(Code::kInvalidArgument,
                    fmt::format("grant {} has {} of device {}; 0 to {} are possible", grant.id,
                                amount, slice.uuid, kMostAmount / 2),
                    "correct what announces it");
  return {};
}

/// The card of a node that has this uuid.
std::optional<std::uint16_t> card_with(std::span<const detail::CardEntry> cards,
                                       const std::string& uuid) {
  const auto at = std::ranges::find(cards, uuid, &detail::CardEntry::uuid);
  if (at == cards.end()) return std::nullopt;
  return static_cast<std::uint16_t>(at - cards.begin());
}

}  // namespace

std::uint64_t Index::version_of_grant(const std::string& id) const {
  if (const GrantEntry* const entry = find_grant(id)) return entry->version;
  const auto node = waiting_node_.find(id);
  return node == waiting_node_.end() ? 0 : waiting_.at(node->second).at(id).version;
}

Result<> Index::apply(const GrantSpec& grant, std::uint64_t version) {
  MELON_RETURN_IF_ERROR(check_grant(grant));
  if (gone_grants_.covers(grant.id, version)) return {};
  const std::uint64_t known = version_of_grant(grant.id);
  if (version != 0 && version <= known) return {};
  release(grant.id);
  attach(grant, version);
  return {};
}

void Index::remove_grant(const std::string& id, std::uint64_t version) {
  if (version != 0 && version < version_of_grant(id)) return;
  release(id);
  gone_grants_.add(id, version);
}

bool Index::reserve(GrantEntry grant) {
  if (grant_slot(grant.id) || waits(grant.id)) return false;
  add_entry(std::move(grant));
  return true;
}

bool Index::waits(const std::string& id) const {
  return !waiting_node_.empty() && waiting_node_.contains(id);
}

bool Index::release(const std::string& id) {
  const bool waited = waits(id);
  if (waited) stop_waiting(id);
  const auto slot = grant_slot(id);
  if (!slot) return waited;
  drop_entry(*slot);
  return true;
}

void Index::wait(const GrantSpec& grant, std::uint64_t version) {
  waiting_[grant.node].insert_or_assign(grant.id, Waiting{grant, version});
  waiting_node_.insert_or_assign(grant.id, grant.node);
}

void Index::stop_waiting(const std::string& id) {
  const auto node = waiting_node_.find(id);
  const auto grants = waiting_.find(node->second);
  grants->second.erase(id);
  if (grants->second.empty()) waiting_.erase(grants);
  waiting_node_.erase(node);
}

void Index::attach(const GrantSpec& grant, std::uint64_t version) {
  const auto node = find_node(grant.node);
  if (!node) return wait(grant, version);
  const NodeRow& row = nodes_.rows[*node];
  GrantEntry entry{.id = grant.id,
                   .node = *node,
                   .priority = grant.priority,
                   .version = version,
                   .host = grant.host,
                   .extended = grant.extended,
                   .host_ports = grant.host_ports,
                   .group = grant.group};
  for (const BookedSlice& slice : grant.slices)
    if (const auto card = card_with(nodes_.cards_of(row), slice.uuid))
      entry.slices.push_back({*card, slice.amounts});
  if (entry.slices.size() < grant.slices.size()) wait(grant, version);
  entry.task = task_class(nodes_, row, entry.slices);
  add_entry(std::move(entry));
}

void Index::detach_all(std::uint32_t node) {
  std::vector<std::uint32_t> grants = nodes_.entries[node].grants;
  for (const std::uint32_t slot : grants) {
    const GrantEntry& grant = grants_[slot];
    if (!waits(grant.id)) wait(grant_spec(grant), grant.version);
    drop_entry(slot);
  }
}

void Index::add_entry(GrantEntry grant) {
  std::uint32_t slot = 0;
  if (free_grants_.empty()) {
    slot = static_cast<std::uint32_t>(grants_.size());
    grants_.emplace_back();
  } else {
    slot = free_grants_.back();
    free_grants_.pop_back();
  }
  NodeEntry& node = nodes_.entries[grant.node];
  grant.place_in_node = static_cast<std::uint32_t>(node.grants.size());
  node.grants.push_back(slot);
  std::int32_t& lowest = nodes_.rows[grant.node].lowest_priority;
  lowest = std::min(lowest, grant.priority);
  node.priorities.add(grant.priority);
  grant_slots_.add(grant.id, slot);
  count(grant, detail::Sign::kBook);
  grants_[slot] = std::move(grant);
}

void Index::find_lowest(std::uint32_t node) {
  std::int32_t& lowest = nodes_.rows[node].lowest_priority;
  const std::int32_t before = std::exchange(lowest, detail::kNoPriority);
  for (const std::uint32_t slot : nodes_.entries[node].grants) {
    lowest = std::min(lowest, grants_[slot].priority);
    if (lowest == before) return;  // most often all are alike
  }
}

void Index::forget_priority(std::uint32_t node, std::int32_t priority) {
  NodeEntry& entry = nodes_.entries[node];
  entry.priorities.remove(priority);
  if (entry.priorities.are_stale(entry.grants.size())) {
    entry.priorities = {};
    for (const std::uint32_t slot : entry.grants) entry.priorities.add(grants_[slot].priority);
  }
  if (priority == nodes_.rows[node].lowest_priority) find_lowest(node);
}

void Index::drop_entry(std::uint32_t slot) {
  GrantEntry& grant = grants_[slot];
  count(grant, detail::Sign::kFree);
  std::vector<std::uint32_t>& list = nodes_.entries[grant.node].grants;
  const std::uint32_t last = list.back();
  list[grant.place_in_node] = last;
  list.pop_back();
  if (last != slot) grants_[last].place_in_node = grant.place_in_node;
  forget_priority(grant.node, grant.priority);
  grant_slots_.remove(grant.id, slot);
  grant = {};
  free_grants_.push_back(slot);
}

void Index::count(const GrantEntry& grant, detail::Sign sign) {
  detail::count(nodes_, grant.node, grant, sign);
  changes_.note(grant.node);
}

GrantSpec Index::grant_spec(const GrantEntry& grant) const {
  const auto cards = nodes_.cards_of(nodes_.rows[grant.node]);
  GrantSpec spec{.id = grant.id,
                 .node = nodes_.entries[grant.node].name,
                 .priority = grant.priority,
                 .group = grant.group,
                 .host = grant.host,
                 .extended = grant.extended,
                 .host_ports = grant.host_ports};
  for (const CardSlice& slice : grant.slices)
    spec.slices.push_back({cards[slice.card].uuid, slice.amounts});
  return spec;
}

NodeSpec Index::node_spec(std::uint32_t node) const {
  const NodeEntry& entry = nodes_.entries[node];
  const NodeRow& row = nodes_.rows[node];
  NodeSpec spec{.name = entry.name,
                .rank = entry.rank,
                .capacity = entry.capacity,
                .extended = entry.extended_capacity,
                .labels = entry.labels,
                .taints = entry.taints,
                .cordoned = entry.cordoned,
                .oversubscription = entry.oversubscription,
                .score_tables = entry.score_tables};
  for (std::size_t i = 0; i < row.cards; ++i) {
    const detail::CardEntry& card = nodes_.cards_of(row)[i];
    const detail::DeviceKind& kind = nodes_.kinds[nodes_.kind_of(row)[i]];
    spec.devices.push_back({.uuid = card.uuid,
                            .vendor = kind.vendor,
                            .type = kind.type,
                            .index = card.index,
                            .capacity = kind.capacity,
                            .healthy = card.healthy,
                            .cordoned = card.cordoned});
    if (card.numa >= 0) spec.devices.back().numa = card.numa;
    if (card.link_group >= 0) spec.devices.back().link_group = card.link_group;
  }
  for (const detail::CardLink& link : entry.links)
    spec.links.push_back({spec.devices[link.from].uuid, spec.devices[link.to].uuid, link.score});
  return spec;
}

std::vector<std::string> Index::audit() const {
  Index rebuilt;
  std::vector<std::string> lines;
  for (const auto& [name, slot] : node_slots_) {
    if (!rebuilt.apply(node_spec(slot), 0)) lines.push_back(fmt::format("node {}: refused", name));
    for (const std::uint32_t grant : nodes_.entries[slot].grants)
      rebuilt.attach(grant_spec(grants_[grant]), 0);
    const std::uint32_t twin = *rebuilt.find_node(name);
    const NodeRow& row = nodes_.rows[slot];
    const NodeRow& other = rebuilt.nodes_.rows[twin];
    if (row.free != other.free || row.pods != other.pods || row.milli_free != other.milli_free ||
        row.lowest_priority != other.lowest_priority)
      lines.push_back(fmt::format("node {}: host amounts differ from the sum of its grants", name));
    if (nodes_.entries[slot].extended_free != rebuilt.nodes_.entries[twin].extended_free ||
        nodes_.entries[slot].ports != rebuilt.nodes_.entries[twin].ports)
      lines.push_back(fmt::format("node {}: resources or ports differ from its grants", name));
    if (!std::ranges::equal(nodes_.room_of(row), rebuilt.nodes_.room_of(other)))
      lines.push_back(fmt::format("node {}: a device differs from the sum of its slices", name));
  }
  return lines;
}

}  // namespace melon::placement

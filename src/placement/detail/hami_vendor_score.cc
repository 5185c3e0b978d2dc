// SPDX-License-Identifier: Apache-2.0
// HAMi's scores of what a vendor's devices are worth together.
#include "placement/detail/hami_vendor_score.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "placement/detail/device_use.h"
#include "placement/pickers/groups.h"
#include "placement/pickers/node_scores.h"

namespace melon::placement::detail {
namespace {

using vendors::NodeScoreKind;

/// One vendor's devices on one node, of which a request takes some.
class VendorScore {
 public:
  VendorScore(const NodeTable& nodes, std::uint32_t node, const DeviceDemand& demand,
              std::span<const ContainerSlice> slices)
      : nodes_(nodes), row_(nodes.rows[node]), node_(node), demand_(demand) {
    for (const ContainerSlice& slice : slices)
      if (vendor_of(slice.card) == demand.vendor) {
        by_container_[slice.container].push_back(slice.card);
        picked_.push_back(slice.card);
      }
  }

  double score(bool spreads) const {
    switch (demand_.node_score.kind) {
      case NodeScoreKind::kNone:
        return 0;
      case NodeScoreKind::kGroupShare:
        return of_groups();
      case NodeScoreKind::kAnnotationTable:
        return of_table(spreads);
      case NodeScoreKind::kBubble:
        return of_wings();
      case NodeScoreKind::kLinkZone:
        return pickers::policy_neutral(static_cast<double>(of_zones()), spreads);
    }
    return 0;
  }

 private:
  const std::string& vendor_of(std::uint16_t card) const {
    return nodes_.kinds[nodes_.kind_of(row_)[card]].vendor;
  }
  const CardEntry& entry(std::uint16_t card) const { return nodes_.cards_of(row_)[card]; }
  pickers::DeviceUse use(std::uint16_t card) const {
    return use_of(nodes_, {.node = node_, .card = card});
  }
  bool is_picked(std::uint16_t card) const {
    return std::ranges::find(picked_, card) != picked_.end();
  }

  double of_groups() const {
    double sum = 0;
    for (const auto& [container, cards] : by_container_) {
      std::vector<std::int64_t> groups;
      for (const std::uint16_t card : cards) {
        const std::int16_t group = entry(card).link_group;
        groups.push_back(group < 0 ? pickers::kNoGroup : group);
      }
      sum += pickers::group_share(groups, static_cast<double>(demand_.node_score.weight));
    }
    return sum;
  }

  double of_table(bool spreads) const {
    const auto& tables = nodes_.entries[node_].score_tables;
    const auto found = tables.find(demand_.vendor);
    if (found == tables.end()) return 0;
    return pickers::annotation_table(spreads ? found->second.spread : found->second.binpack,
                                     std::ssize(picked_));
  }

  double of_wings() const {
    std::vector<std::size_t> used;
    std::vector<std::size_t> picks;
    for (std::uint16_t card = 0; card < row_.cards; ++card) {
      if (vendor_of(card) != demand_.vendor) continue;
      const auto index = static_cast<std::size_t>(entry(card).index);
      if (use(card).slots > 0) used.push_back(index);
      if (is_picked(card)) picks.push_back(index);
    }
    return pickers::bubble_score(used, picks, demand_.picker.wing_size, true);
  }

  /// Of online pods what is on their devices; of others that want linked devices the links that
  /// they get and break, between devices that nobody is on.
  std::int64_t of_zones() const {
    if (demand_.app_class == vendors::AppClass::kOnline) {
      std::vector<pickers::DeviceUse> uses;
      for (const std::uint16_t card : picked_) uses.push_back(use(card));
      return pickers::online_score(uses);
    }
    if (demand_.picker.kind == vendors::PickerKind::kNone) return 0;
    std::vector<std::int64_t> available;
    std::vector<std::int64_t> taken;
    std::vector<std::int64_t> rest;
    for (std::uint16_t card = 0; card < row_.cards; ++card) {
      const bool is_open = entry(card).healthy && !entry(card).cordoned;
      const bool is_free = is_open && pickers::idle_only(use(card));
      if (vendor_of(card) != demand_.vendor || !(is_free || is_picked(card))) continue;
      const std::int64_t zone = entry(card).link_group;
      available.push_back(zone);
      (is_picked(card) ? taken : rest).push_back(zone);
    }
    return pickers::link_zone(available, taken, rest);
  }

  const NodeTable& nodes_;
  const NodeRow& row_;
  std::uint32_t node_;
  const DeviceDemand& demand_;
  std::map<std::uint16_t, std::vector<std::uint16_t>> by_container_ = {};
  std::vector<std::uint16_t> picked_ = {};
};

}  // namespace

double hami_vendor_score(const NodeTable& nodes, std::uint32_t node, const Shape& shape,
                         std::span<const ContainerSlice> slices, bool spreads) {
  double sum = 0;
  std::set<std::string_view> seen;
  for (const Shape::Step& step : shape.steps())
    if (seen.insert(step.demand.vendor).second)
      sum += VendorScore(nodes, node, step.demand, slices).score(spreads);
  return sum;
}

}  // namespace melon::placement::detail

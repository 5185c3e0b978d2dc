// SPDX-License-Identifier: Apache-2.0
// Why a request that may be split is not: what pieces the nodes would give.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "placement/detail/device_trial.h"
#include "placement/detail/splitter.h"
#include "placement/explain.h"

namespace melon::placement {
namespace {

using Offer = detail::Splitter::Offer;

/// The best of all nodes on which nothing beside devices is in the way; of equals the first name.
struct Best {
  Offer offer = {};
  std::int64_t nodes = 0;
  std::string node = {};

  void add(const Offer& other, const std::string& name) {
    ++nodes;
    const std::int64_t ours = offer.most * other.asked;
    const std::int64_t theirs = other.most * offer.asked;
    if (nodes > 1 && (theirs < ours || (theirs == ours && name >= node))) return;
    offer = other;
    node = name;
  }
};

Best best_offer(const Index& index, const Shape& shape) {
  const detail::NodeTable& nodes = index.nodes();
  detail::Splitter splitter(nodes, shape, false);
  Best best;
  for (std::uint32_t node = 0; node < nodes.entries.size(); ++node) {
    if (!nodes.entries[node].present || detail::host_obstacle(shape, nodes, node)) continue;
    if (const auto offer = splitter.offer_of(node)) best.add(*offer, nodes.entries[node].name);
  }
  return best;
}

std::string limits_of(const SplitRule& rule) {
  return fmt::format("at most {} piece{}, none below {} thousandths of a device", rule.most_pieces,
                     rule.most_pieces == 1 ? "" : "s", rule.least_permille);
}

}  // namespace

std::optional<ObstacleGroup> explain_split(const Index& index, const Shape& shape) {
  const std::optional<SplitRule>& rule = shape.request().split;
  if (!rule || shape.steps().empty()) return std::nullopt;
  ObstacleGroup group{.obstacle = {.rule = Rule::kSplit}};
  if (const auto never = detail::why_never_split(shape); !never.empty()) {
    group.obstacle.subject = fmt::format("not split: {}", never);
    group.nodes = static_cast<std::int64_t>(std::ranges::count_if(
        index.nodes().entries, [](const detail::NodeEntry& entry) { return entry.present; }));
    return group;
  }
  const Best best = best_offer(index, shape);
  if (best.nodes == 0) return std::nullopt;
  const bool is_memory = best.offer.dimension == kMemory;
  const std::string_view unit = is_memory ? "MiB" : "of compute";
  group.nodes = best.nodes;
  group.example = best.node;
  group.obstacle.asked = best.offer.asked;
  group.obstacle.found = best.offer.most;
  group.obstacle.subject =
      best.offer.most >= best.offer.asked
          ? fmt::format(
                "not split: {} {} in {}: such pieces of one node are too large together, or "
                "more than a quota leaves",
                best.offer.asked, unit, limits_of(*rule))
          : fmt::format("not split: {} {} asked, one node has at most {} in {}", best.offer.asked,
                        unit, best.offer.most, limits_of(*rule));
  return group;
}

}  // namespace melon::placement

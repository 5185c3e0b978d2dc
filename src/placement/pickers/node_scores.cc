// SPDX-License-Identifier: Apache-2.0
// What a choice of devices adds to its node's score.
#include "placement/pickers/node_scores.h"

#include <algorithm>
#include <array>

#include "placement/pickers/groups.h"
#include "placement/pickers/wings.h"

namespace melon::placement::pickers {

double group_share(std::span<const std::int64_t> groups_of_picks, double weight) {
  if (groups_of_picks.empty()) return 0;
  std::map<std::int64_t, int> sizes;
  int largest = 0;
  for (const std::int64_t group : groups_of_picks)
    if (group != kNoGroup) largest = std::max(largest, ++sizes[group]);
  return weight * largest / static_cast<double>(groups_of_picks.size());
}

double annotation_table(const std::map<std::int64_t, double>& table, std::int64_t count) {
  constexpr double kBest = 2000;
  const auto found = table.find(count);
  return found == table.end() ? 0 : kBest - found->second;
}

double bubble_score(std::span<const std::size_t> used, std::span<const std::size_t> picks,
                    std::int64_t wing_size, bool compatible) {
  constexpr std::array<double, 4> kScores = {3000, 2000, 1000, 0};
  std::vector<std::size_t> after(picks.begin(), picks.end());
  if (!compatible) after.insert(after.end(), used.begin(), used.end());
  const std::int64_t more = bubbles(after, wing_size) - bubbles(used, wing_size);
  return kScores.at(static_cast<std::size_t>(std::clamp<std::int64_t>(more + 1, 0, 3)));
}

std::int64_t zone_pairs(std::span<const std::int64_t> zones) {
  std::int64_t pairs = 0;
  for (std::size_t i = 0; i < zones.size(); ++i)
    for (std::size_t j = i + 1; j < zones.size(); ++j)
      pairs += zones[i] > 0 && zones[i] == zones[j] ? 1 : 0;
  return 10 * pairs;
}

std::int64_t link_zone(std::span<const std::int64_t> available,
                       std::span<const std::int64_t> picked, std::span<const std::int64_t> rest) {
  const std::int64_t own = zone_pairs(picked);
  return 10 * own - (zone_pairs(available) - own - zone_pairs(rest));
}

double policy_neutral(double score, bool spread) {
  constexpr double kWeight = 10'000;
  return spread ? -kWeight * score : kWeight * score;
}

std::int64_t online_score(std::span<const DeviceUse> picked) {
  std::int64_t score = 0;
  for (const DeviceUse& use : picked)
    score -= use.online == 0 ? 100 * use.offline : 20 * use.online + 2 * use.offline;
  return score;
}

}  // namespace melon::placement::pickers

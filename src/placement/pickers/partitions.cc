// SPDX-License-Identifier: Apache-2.0
// Profiles of hardware partitions and where they go on a device.
#include "placement/pickers/partitions.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "vendors/demand.h"

namespace melon::placement::pickers {
namespace {

using vendors::PartitionProfile;
using vendors::PartitionTable;

bool overlap(const PartitionTable& table, const PlacedProfile& a, const PlacedProfile& b) {
  const auto end = [&](const PlacedProfile& one) {
    return one.start + table.profiles[one.profile].size;
  };
  return a.start < end(b) && b.start < end(a);
}

std::int64_t slices_of(const PartitionTable& table) {
  std::int64_t most = 0;
  for (const PartitionProfile& profile : table.profiles) most = std::max(most, profile.slices);
  return most;
}

bool has_room(const PartitionTable& table, std::span<const PlacedProfile> placed,
              std::size_t profile) {
  std::int64_t slices = table.profiles[profile].slices;
  std::int64_t same = 1;
  for (const PlacedProfile& one : placed) {
    slices += table.profiles[one.profile].slices;
    same += one.profile == profile ? 1 : 0;
  }
  const std::int64_t most = table.profiles[profile].most;
  return slices <= slices_of(table) && (most == 0 || same <= most);
}

/// All starts that are free, best first.
std::vector<std::int64_t> free_starts(const PartitionTable& table,
                                      std::span<const PlacedProfile> placed, std::size_t profile) {
  if (!has_room(table, placed, profile)) return {};
  std::vector<std::int64_t> starts;
  for (const std::int64_t start : preferred_starts(table.profiles[profile])) {
    const PlacedProfile here{profile, start};
    if (std::ranges::none_of(placed,
                             [&](const PlacedProfile& one) { return overlap(table, here, one); }))
      starts.push_back(start);
  }
  return starts;
}

/// Places profiles[order[at...]]; the most constrained come first in `order`.
bool place_from(const PartitionTable& table, std::vector<PlacedProfile>& placed,
                std::span<const std::size_t> profiles) {
  if (profiles.empty()) return true;
  for (const std::int64_t start : free_starts(table, placed, profiles.front())) {
    placed.push_back({profiles.front(), start});
    if (place_from(table, placed, profiles.subspan(1))) return true;
    placed.pop_back();
  }
  return false;
}

}  // namespace

const PartitionTable* find_table(std::span<const PartitionTable> tables, std::string_view type) {
  const PartitionTable* best = nullptr;
  std::size_t longest = 0;
  for (const PartitionTable& table : tables) {
    for (const std::string& model : table.models) {
      if (model.size() <= longest || !vendors::has_words(type, model)) continue;
      best = &table;
      longest = model.size();
    }
  }
  return best;
}

std::int64_t compute_percent(const PartitionTable& table, std::size_t profile) {
  const std::int64_t units = table.profiles[profile].compute_units;
  return (100 * units + table.compute_units - 1) / table.compute_units;
}

std::optional<std::size_t> smallest_profile(const PartitionTable& table,
                                            const PartitionDemand& demand,
                                            std::span<const std::string> allowed) {
  std::optional<std::size_t> best;
  const auto key = [&](std::size_t at) {
    return std::tuple(table.profiles[at].memory, table.profiles[at].slices, at);
  };
  for (std::size_t i = 0; i < table.profiles.size(); ++i) {
    const PartitionProfile& profile = table.profiles[i];
    const bool holds = profile.memory >= demand.memory &&
                       compute_percent(table, i) >= demand.compute_percent &&
                       (demand.slices == 0 || profile.slices == demand.slices);
    const bool is_allowed =
        allowed.empty() || std::ranges::find(allowed, profile.name) != allowed.end();
    if (holds && is_allowed && (!best || key(i) < key(*best))) best = i;
  }
  return best;
}

std::vector<std::int64_t> preferred_starts(const PartitionProfile& profile) {
  std::vector<std::int64_t> starts = profile.starts;
  std::ranges::sort(starts);
  if (profile.slices == 1 || profile.slices == 3) std::ranges::reverse(starts);
  return starts;
}

std::optional<std::int64_t> free_start(const PartitionTable& table,
                                       std::span<const PlacedProfile> placed, std::size_t profile) {
  const auto starts = free_starts(table, placed, profile);
  return starts.empty() ? std::nullopt : std::optional(starts.front());
}

std::optional<std::vector<PlacedProfile>> place_all(const PartitionTable& table,
                                                    std::span<const PlacedProfile> placed,
                                                    std::span<const std::size_t> profiles) {
  std::vector<PlacedProfile> all(placed.begin(), placed.end());
  std::vector<std::size_t> order(profiles.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(
      order, {}, [&](std::size_t at) { return table.profiles[profiles[at]].starts.size(); });
  std::vector<std::size_t> constrained_first;
  for (const std::size_t at : order) constrained_first.push_back(profiles[at]);
  if (!place_from(table, all, constrained_first)) return std::nullopt;
  std::vector<PlacedProfile> answer(profiles.size());
  for (std::size_t i = 0; i < order.size(); ++i) answer[order[i]] = all[placed.size() + i];
  return answer;
}

}  // namespace melon::placement::pickers

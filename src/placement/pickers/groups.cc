// SPDX-License-Identifier: Apache-2.0
// Devices that are taken together because they belong together.
#include "placement/pickers/groups.h"

#include <algorithm>
#include <map>
#include <utility>

namespace melon::placement::pickers {
namespace {

struct Group {
  std::int64_t id = kNoGroup;
  Picks members = {};
};

/// In the order in which groups are met.
std::vector<Group> grouped(std::span<const std::int64_t> ids) {
  std::vector<Group> groups;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    auto known = std::ranges::find(groups, ids[i], &Group::id);
    if (known == groups.end()) known = groups.insert(known, Group{.id = ids[i]});
    known->members.push_back(i);
  }
  return groups;
}

Picks first_of(std::span<const Group> groups, std::size_t count) {
  Picks picks;
  for (const Group& group : groups)
    for (const std::size_t member : group.members)
      if (picks.size() < count) picks.push_back(member);
  return picks;
}

}  // namespace

Picks biggest_group(std::span<const std::int64_t> groups, std::size_t count) {
  if (count == 1) return groups.empty() ? Picks{} : Picks{0};
  auto found = grouped(groups);
  std::ranges::stable_sort(found, [](const Group& a, const Group& b) {
    if ((a.id == kNoGroup) != (b.id == kNoGroup)) return b.id == kNoGroup;
    return a.members.size() > b.members.size();
  });
  return first_of(found, count);
}

Picks full_pairs(std::span<const std::int64_t> indices, std::size_t count) {
  std::map<std::int64_t, Picks> pairs;
  for (std::size_t i = 0; i < indices.size(); ++i) pairs[indices[i] / 2].push_back(i);
  Picks picks;
  for (auto& [pair, members] : pairs) {
    if (members.size() != 2 || picks.size() + 2 > count) continue;
    std::ranges::sort(members, {}, [&](std::size_t at) { return indices[at]; });
    picks.insert(picks.end(), members.begin(), members.end());
  }
  return picks;
}

Picks zone_best_fit(std::span<const std::int64_t> zones, std::size_t count) {
  auto found = grouped(zones);
  const auto is_zone = [](const Group& group) { return group.id > 0; };
  std::ranges::stable_sort(found, [&](const Group& a, const Group& b) {
    if (is_zone(a) != is_zone(b)) return is_zone(a);
    return std::pair(a.members.size(), a.id) < std::pair(b.members.size(), b.id);
  });
  const auto holds_all = std::ranges::find_if(
      found, [&](const Group& group) { return is_zone(group) && group.members.size() >= count; });
  if (holds_all != found.end()) return first_of(std::span(&*holds_all, 1), count);
  return first_of(found, count);
}

}  // namespace melon::placement::pickers

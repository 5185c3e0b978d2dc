// SPDX-License-Identifier: Apache-2.0
// Devices that are cut in hardware: their tables in the engine's words.
#include "kube/detail/partitions.h"

#include <algorithm>

#include "kube/detail/backend_amounts.h"
#include "placement/pickers/partitions.h"

namespace melon::kube::detail {
namespace {

using vendors::PartitionProfile;
using vendors::PartitionTable;

constexpr std::int64_t kMostPlaces = 24;  // bits that amounts hold with room to spare

std::int64_t place_count(const PartitionTable& table) {
  std::int64_t end = 0;
  for (const PartitionProfile& profile : table.profiles)
    for (const std::int64_t start : profile.starts) end = std::max(end, start + profile.size);
  return end;
}

/// Profiles that are at least this share of a device.
std::vector<std::string> at_least(const PartitionTable& table, std::int64_t percent) {
  std::vector<std::string> names;
  for (const PartitionProfile& profile : table.profiles)
    if (profile.size * 100 >= percent * place_count(table)) names.push_back(profile.name);
  return names;
}

}  // namespace

const PartitionTable* table_of(const vendors::Backend& backend,
                               const annotations::RegisteredDevice& device) {
  const bool is_cut =
      device.mode == kPartitionMode || backend.memory.rounding == vendors::Rounding::kProfile;
  if (!is_cut) return nullptr;
  if (!device.partitions.profiles.empty()) return &device.partitions;
  return placement::pickers::find_table(backend.partitions, device.type);
}

std::int32_t places_of(std::int64_t start, std::int64_t size) {
  if (start < 0 || size <= 0 || start + size > kMostPlaces) return 0;
  return static_cast<std::int32_t>(((std::int64_t{1} << size) - 1) << start);
}

std::int32_t free_places(const PartitionProfile& profile, std::int32_t free) {
  for (const std::int64_t start : placement::pickers::preferred_starts(profile))
    if (const std::int32_t places = places_of(start, profile.size); (places & ~free) == 0)
      return places;
  return 0;
}

std::int32_t all_places(const PartitionTable& table) {
  return places_of(0, std::min(place_count(table), kMostPlaces));
}

std::int64_t whole_compute(const PartitionTable& table) {
  std::int64_t most = table.compute_units;
  for (const PartitionProfile& profile : table.profiles)
    most = std::max(most, profile.compute_units * std::ssize(profile.starts));
  return most;
}

placement::PartitionChoice choice_of(const PartitionTable& table, std::string_view type,
                                     const vendors::Demand& demand) {
  placement::PartitionChoice choice{.type = std::string(type)};
  choice.each[placement::kSlots] = 1;
  choice.each[placement::kMemory] = static_cast<std::int32_t>(
      std::min<std::int64_t>(demand.memory.count(), placement::kMostAmount));
  const std::vector<std::string> allowed =
      at_least(table, demand.memory.count() == 0 ? demand.memory_percent : 0);
  const auto found = placement::pickers::smallest_profile(
      table,
      {.memory = demand.memory, .compute_percent = demand.compute, .slices = demand.profile_slices},
      allowed);
  if (!found) return choice;
  const PartitionProfile& profile = table.profiles[*found];
  choice.profile = profile.name;
  choice.slices = profile.slices;
  choice.compute_percent = placement::pickers::compute_percent(table, *found);
  choice.each[placement::kMemory] = static_cast<std::int32_t>(profile.memory.count());
  choice.each[placement::kCompute] = static_cast<std::int32_t>(profile.compute_units);
  for (const std::int64_t start : placement::pickers::preferred_starts(profile))
    if (const std::int32_t places = places_of(start, profile.size); places != 0)
      choice.places.push_back(places);
  return choice;
}

const PartitionProfile* find_profile(const PartitionTable& table, std::string_view name,
                                     std::int64_t memory_mib) {
  const auto by_name = std::ranges::find(table.profiles, name, &PartitionProfile::name);
  if (by_name != table.profiles.end()) return &*by_name;
  const auto by_memory =
      std::ranges::find(table.profiles, MiB(memory_mib), &PartitionProfile::memory);
  return by_memory == table.profiles.end() ? nullptr : &*by_memory;
}

}  // namespace melon::kube::detail

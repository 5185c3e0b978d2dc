// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "vendors/backend.h"

namespace melon::placement::pickers {

/// A profile at its place on one device.
struct PlacedProfile {
  std::size_t profile = 0;  // position in the table
  std::int64_t start = 0;

  bool operator==(const PlacedProfile&) const = default;
};

/// What is asked of a partitioned device.
struct PartitionDemand {
  MiB memory = {};
  std::int64_t compute_percent = 0;
  std::int64_t slices = 0;  // exactly this size, when not 0
};

/// The table for a device of this type; null when none has one of its models. A model is a run of
/// whole words of the type, and the longest model wins ("H200" is not "H20").
const vendors::PartitionTable* find_table(std::span<const vendors::PartitionTable> tables,
                                          std::string_view type);

/// A profile's part of the device's compute in percent, rounded up.
std::int64_t compute_percent(const vendors::PartitionTable& table, std::size_t profile);

/// The profile that holds the demand: the least memory, then the fewest slices, then the first.
/// `allowed`: only these names; empty: all. Nothing when none is large enough.
std::optional<std::size_t> smallest_profile(const vendors::PartitionTable& table,
                                            const PartitionDemand& demand,
                                            std::span<const std::string> allowed = {});

/// Where a profile may begin, best first: small odd ones (1 and 3 compute slices) at the high end,
/// so that the even ones find room at the low end.
std::vector<std::int64_t> preferred_starts(const vendors::PartitionProfile& profile);

/// Where the profile can go beside what is placed: the first free one of its preferred
/// starts. Nothing when places, compute slices or the profile's own number of instances run out.
/// Slices that come one by one and are at most half a device large reach at least half of the
/// compute slices that the best choice among them would; a larger one may come too late.
std::optional<std::int64_t> free_start(const vendors::PartitionTable& table,
                                       std::span<const PlacedProfile> placed, std::size_t profile);

/// Places several new profiles beside what is placed, in the order given, trying every combination
/// of starts; nothing when there is none.
std::optional<std::vector<PlacedProfile>> place_all(const vendors::PartitionTable& table,
                                                    std::span<const PlacedProfile> placed,
                                                    std::span<const std::size_t> profiles);

}  // namespace melon::placement::pickers

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "placement/pickers/device_rules.h"

namespace melon::placement::pickers {

/// weight x the largest group among the picked devices, over their number; 0 without any. Devices
/// without a group (kNoGroup) belong to none.
double group_share(std::span<const std::int64_t> groups_of_picks, double weight);

/// 2000 minus what the node's table says of that many devices; 0 when it says nothing.
double annotation_table(const std::map<std::int64_t, double>& table, std::int64_t count);

/// 3000, 2000, 1000 or 0 for -1, 0, 1 or 2 (and more) bubbles that a choice adds. By itself the
/// wings are compared before and after; compatible: before, and the choice alone.
double bubble_score(std::span<const std::size_t> used, std::span<const std::size_t> picks,
                    std::int64_t wing_size, bool compatible);

/// 10 for each pair of `zones` in one zone (not 0). A choice is worth ten times its own pairs, less
/// what they take from the pairs that were free together.
std::int64_t zone_pairs(std::span<const std::int64_t> zones);
std::int64_t link_zone(std::span<const std::int64_t> available,
                       std::span<const std::int64_t> picked, std::span<const std::int64_t> rest);

/// A score that means the same under either policy: the highest wins for binpack, the lowest for
/// spread.
double policy_neutral(double score, bool spread);

/// What an online pod's devices cost: -20 for each online and -2 for each offline pod on them, -100
/// for each offline pod of a device with offline ones alone.
std::int64_t online_score(std::span<const DeviceUse> picked);

}  // namespace melon::placement::pickers

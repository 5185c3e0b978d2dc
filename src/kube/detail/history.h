// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kube/cluster.h"
#include "kube/objects.h"
#include "placement/fragmentation.h"

namespace melon::kube::detail {

/// What tends to be asked for, and since when that is known.
struct History {
  std::vector<placement::TargetShape> shapes = {};  // with how often each was seen
  bool is_recent = false;           // of pods that started in the last days; else of all that run
  std::int64_t oldest_seconds = 0;  // how long ago the first of these pods started; 0: not told
  std::int64_t newest_seconds = 0;
};

/// How long pods tell what comes, from their start.
inline constexpr std::int64_t kHistorySeconds = std::int64_t{7} * 24 * 3600;

/// From the pods that were bound to nodes in the last days, whether they run or are over; where
/// none of them asked for devices, from all that run. Those whose start nobody tells count while
/// they run. Pods that hold no devices count only where some do; a pod of several demands counts by
/// its first. Without shapes where no pod asks for devices.
History workload_history(const Objects& objects, const Announced& announced,
                         const vendors::Catalogue& catalogue, vendors::Compatibility compat,
                         std::int64_t unix_seconds);

/// "3 shapes of pods that started in the last 7 days tell what comes; the oldest 2d ago, the newest
/// 1h ago".
std::string to_text(const History& history);

}  // namespace melon::kube::detail

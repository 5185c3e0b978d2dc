// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "kube/objects.h"
#include "placement/index.h"
#include "vendors/compatibility.h"
#include "vendors/quota.h"

namespace melon::kube::detail {

/// Devices of one container, as its pod's annotations tell or the engine decided.
struct HeldByContainer {
  ContainerRole role = ContainerRole::kApp;
  std::vector<placement::BookedSlice> slices = {};
  vendors::QuotaAmounts amounts = {};  // by backend, over all its devices
};

/// What a pod's containers hold of each device at their peak: the most that an init container has
/// together with the sidecars that started before it, or all apps with all sidecars. Containers
/// stand in the pod's order. `init_is_done` leaves init containers out. HAMi 2.9 adds up all of
/// them, whenever they run.
std::vector<placement::BookedSlice> peak_of(std::span<const HeldByContainer> containers,
                                            bool init_is_done, vendors::Compatibility compat);

/// The same over all devices, by backend: what quotas of namespaces bound.
vendors::QuotaAmounts peak_amounts_of(std::span<const HeldByContainer> containers,
                                      bool init_is_done, vendors::Compatibility compat);

}  // namespace melon::kube::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "kube/cluster.h"
#include "kube/objects.h"
#include "placement/fragmentation.h"

namespace melon::kube::detail {

/// What tends to be asked for, from the pods that run: their shapes and how often each is there.
/// Pods that hold no devices count only where some do; a pod of several demands counts by its
/// first. Empty where no pod that runs asks for devices.
std::vector<placement::TargetShape> workload_history(const Objects& objects,
                                                     const Announced& announced,
                                                     const vendors::Catalogue& catalogue,
                                                     vendors::Compatibility compat);

}  // namespace melon::kube::detail

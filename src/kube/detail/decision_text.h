// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "kube/answer.h"
#include "kube/cluster.h"
#include "placement/engine.h"

namespace melon::kube::detail {

/// Where a pod goes, with all that is needed to tell it.
struct PlacedPod {
  const Pod& pod;
  const AskedPod& asked;
  const placement::Decision& decision;
  const placement::Index& index;
  const Announced& announced;
  const vendors::Catalogue& catalogue;
  const HeldCores& cores;  // by other pods
  std::int64_t unix_seconds = 0;
  vendors::Compatibility compat = vendors::Compatibility::kNone;
};

/// What each container gets, of those that get something.
std::vector<PlacedContainer> placed_containers(const PlacedPod& placed);

/// What the nodes' environment for these containers would be, and what admission gives them.
/// Errors: those of the backends' templates.
Result<> add_environment(const PlacedPod& placed, std::vector<PlacedContainer>& containers);

/// What the pod takes of devices at its peak, by backend: what quotas bound.
vendors::QuotaAmounts placed_amounts(const PlacedPod& placed);

/// Which cores of which device the pod takes, where they are given one by one, as bits.
std::vector<std::pair<std::string, std::int64_t>> taken_cores(const PlacedPod& placed);

/// The annotations that would be written on the pod: what admission adds, each backend's devices,
/// and its fixed ones. Errors: those of the backends' templates.
Result<TextMap> decision_annotations(const PlacedPod& placed);

}  // namespace melon::kube::detail

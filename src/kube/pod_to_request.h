// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/result.h"
#include "kube/host_amounts.h"
#include "kube/objects.h"
#include "placement/pod_request.h"

namespace melon::kube {

/// The label by which a request asks for a node by name (matchFields of metadata.name). No label of
/// Kubernetes can be called so.
inline constexpr std::string_view kNodeNameLabel = "@metadata.name";

/// What a pod asks of a node beside devices: amounts container by container in the pod's order,
/// selectors, affinity, tolerations, ports. A pod's overhead stands before its containers, as a
/// sidecar without a name. Errors: kInvalidArgument naming container, resource and rule.
Result<placement::PodRequest> host_request(const Pod& pod, const IsDeviceResource& is_device);

/// The position of the pod's first container in such a request: 1 with an overhead, else 0.
std::size_t first_container(const Pod& pod);

/// A line of a selector in the engine's words.
placement::LabelRule to_rule(const SelectorRule& rule);

placement::Role role_of(ContainerRole role);

}  // namespace melon::kube

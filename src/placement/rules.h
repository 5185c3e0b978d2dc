// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string>

#include "placement/detail/node_table.h"
#include "placement/pod_request.h"

namespace melon::placement {

/// Whether the labels satisfy a line of a selector, as Kubernetes reads it.
bool holds(const LabelRule& rule, const std::map<std::string, std::string>& labels);

/// Whether every rule of `labels` and one term of `affinity` hold.
bool labels_hold(const PodRequest& request, const std::map<std::string, std::string>& labels);

/// The first taint that keeps the request away; null when none does.
const Taint* untolerated(const PodRequest& request, std::span<const Taint> taints);

/// The first of the ports that is in use; null when none is.
const HostPort* port_in_use(const PodRequest& request, const detail::NodeEntry& node);

/// The first resource of which less is free than asked; empty when there is enough of all.
std::string scarce_resource(const std::map<std::string, std::int64_t>& asked,
                            const detail::NodeEntry& node);

}  // namespace melon::placement

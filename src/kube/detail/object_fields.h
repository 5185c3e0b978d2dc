// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kube/detail/field.h"
#include "kube/objects.h"

namespace melon::kube::detail {

// Each reads one object from its root; problems are noted in the field.
Metadata read_metadata(const Field& root, bool is_namespaced);
Node read_node(const Field& root);
Pod read_pod(const Field& root);
ResourceQuota read_quota(const Field& root);
/// Whom it means is read before how many may end.
PodDisruptionBudget read_budget(const Field& root);
PodGroup read_group(const Field& root);
PriorityClass read_priority_class(const Field& root);
/// The priority that a field says.
std::int32_t read_priority(const Field& at);
/// One line of matchExpressions.
SelectorRule read_rule(const Field& at);

}  // namespace melon::kube::detail

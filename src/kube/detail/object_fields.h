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
PodDisruptionBudget read_budget(const Field& root);

}  // namespace melon::kube::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "kube/objects.h"
#include "vendors/backend.h"

namespace melon::kube::detail {

/// Why what a node announces of one backend does not count any more: its plugin has not answered
/// for a minute and the kubelet counts no device, or the node itself says that it has none. Nothing
/// where the devices are there, and where nobody can tell.
std::optional<Error> gone(const vendors::Backend& backend, const Node& node,
                          std::int64_t unix_seconds);

}  // namespace melon::kube::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "placement/pod_request.h"

namespace melon::placement::detail {

inline bool has_rule(const DeviceDemand& demand, vendors::DeviceRule rule) {
  return std::ranges::find(demand.rules, rule) != demand.rules.end();
}

/// Whether the vendor's devices keep classes of users apart: HAMi asks for that before all but the
/// type, and has a word of its own for devices that are not healthy.
inline bool keeps_classes(const DeviceDemand& demand) {
  return has_rule(demand, vendors::DeviceRule::kQosEqual);
}

}  // namespace melon::placement::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "annotations/registration.h"
#include "vendors/compatibility.h"

namespace melon::annotations {

/// The devices of a node that announces none, from its capacity (Kubernetes' quantities by resource
/// name) by a registration of format kCapacity. Healthy, with ids of the registration's pattern.
/// Errors: kInvalidArgument naming the resource whose amount is no whole number, or more than 4096
/// devices.
Result<std::vector<RegisteredDevice>> derive_devices(
    const vendors::Backend& backend, const vendors::Registration& registration,
    std::string_view node, const std::map<std::string, std::string>& capacity,
    vendors::Compatibility mode);

/// The id that a registration's pattern gives to a device: {node} and {i} are put in.
std::string device_id(std::string pattern, std::string_view node, std::int64_t index);

}  // namespace melon::annotations

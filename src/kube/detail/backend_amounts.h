// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "placement/amounts.h"
#include "vendors/backend.h"
#include "vendors/demand.h"

namespace melon::kube::detail {

/// The mode of devices on nodes that slice by software (Backend::soft_mode).
inline constexpr std::string_view kSoftMode = "soft";

/// The mode of devices that are cut in hardware.
inline constexpr std::string_view kPartitionMode = "mig";

/// Amounts of one device by name, in the backend's units.
struct NamedAmounts {
  std::int64_t slots = 1;
  std::int64_t memory_mib = 0;
  std::int64_t compute = 0;
  std::map<std::string, std::int64_t> costs = {};  // of Backend::dimensions
};

/// Whether the backend's devices keep classes of users apart, which are then counted on them.
bool has_classes(const vendors::Backend& backend);

/// A device's capacity with more of each class than will ever come.
placement::Amounts with_class_capacity(placement::Amounts capacity);

/// The amounts of one user of these classes.
placement::Amounts with_classes(placement::Amounts amounts, vendors::Qos qos,
                                vendors::AppClass app_class);

/// The same in the engine's order: the backend's further dimensions stand in the order of their
/// names. Errors: kInvalidArgument for what is negative or beyond what the engine holds.
Result<placement::Amounts> engine_amounts(const vendors::Backend& backend,
                                          const NamedAmounts& amounts);

}  // namespace melon::kube::detail

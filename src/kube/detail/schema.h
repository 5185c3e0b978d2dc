// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "kube/detail/field.h"

namespace melon::kube::detail {

/// The first rule of a JSON schema that a value breaks, or nothing. Knows what our own schemas use:
/// type, enum, required, properties, additionalProperties, items, minItems, minimum, maximum, and
/// $ref to a definition of the same schema. Another keyword that decides would be ignored, so a
/// test compares with a complete validator.
std::optional<Problem> find_violation(const nlohmann::json& schema, const nlohmann::json& value);

}  // namespace melon::kube::detail

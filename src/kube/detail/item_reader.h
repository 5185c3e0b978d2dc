// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace melon::kube::detail {

/// Receives one object. `list_kind` is the kind of the list that it stood in, where that was known
/// before its items; empty otherwise.
using TakeObject = std::function<void(const nlohmann::json& object, const std::string& list_kind)>;

/// Reads a JSON text and gives away the items of a top-level "items" array one by one, so that only
/// one of them is held; a root object without "items" is given away whole. What is large and never
/// matters (managedFields, images, the last applied configuration) is not kept.
/// Errors: kInvalidArgument, "ORIGIN:LINE: ...": not JSON, or nested more than 64 deep.
Result<> read_items(const std::string& origin, std::string_view json, const TakeObject& take);

}  // namespace melon::kube::detail

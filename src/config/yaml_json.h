// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace melon::config {

/// The same document as JSON: plain scalars become null, booleans and numbers as YAML 1.2's core
/// schema reads them, quoted ones stay text. Errors: kInvalidArgument for what is not YAML.
Result<std::string> yaml_to_json(std::string_view yaml);

}  // namespace melon::config

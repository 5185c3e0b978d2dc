// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace melon::cli {

/// The JSON value as a YAML document: block style, strings quoted wherever YAML could read them as
/// something else.
std::string to_yaml(const nlohmann::ordered_json& value);

}  // namespace melon::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "config/document.h"
#include "vendors/node_settings.h"

namespace melon::config::detail {

/// The list of single nodes' settings, in small letters.
inline constexpr std::string_view kNodeConfig = "nodeconfig";

/// A setting of nodes: of all of them in the section of the vendor, of single ones in kNodeConfig.
struct NodeKey {
  std::string_view key;  // in small letters
  Result<> (*put)(const std::string& file, const Document& value, vendors::NodeSettings& settings);
};

/// By its name in letters of either case; null where it is none, or not used.
const NodeKey* find_node_key(const std::string& key);

/// Whether nodes have acted on the setting before they register.
bool is_in_registration(const std::string& key);

std::string lowered(std::string text);

}  // namespace melon::config::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace melon::vendors {

/// What an administrator has set on one node, beside what the node registers itself. How its
/// devices are split and scaled is in the registration, and stands there alone.
struct NodeSettings {
  std::string node = {};  // its name; empty: nodes that have no settings of their own
  std::string mode = {};  // of devices whose registration does not tell theirs
  std::vector<std::string> hidden_uuids = {};     // devices that are not offered
  std::vector<std::int64_t> hidden_indices = {};  // the same by their positions on the node
  std::map<std::string, std::string> environment =
      {};  // of containers, but on devices that are cut

  bool operator==(const NodeSettings&) const = default;
};

}  // namespace melon::vendors

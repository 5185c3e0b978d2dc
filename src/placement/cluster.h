// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "placement/amounts.h"

namespace melon::placement {

/// One device of a node, as whoever watches the node describes it.
struct DeviceSpec {
  std::string uuid = {};
  std::string vendor = {};  // descriptor id
  std::string type = {};    // the model
  int index = 0;            // cards are tried in this order, then by uuid
  Amounts capacity = {};    // physical; a dimension that the device does not have is 0
  bool healthy = true;
  bool cordoned = false;
  std::optional<int> numa = {};
  std::optional<int> link_group = {};  // devices of one group reach each other without the host

  bool operator==(const DeviceSpec&) const = default;
};

/// As Kubernetes has it. `effect` is NoSchedule, PreferNoSchedule or NoExecute.
struct Taint {
  std::string key = {};
  std::string value = {};
  std::string effect = {};

  bool operator==(const Taint&) const = default;
};

/// How much of a device may be booked, in thousandths of what it physically has. One slice never
/// exceeds the device itself, whatever these say.
struct Oversubscription {
  int memory_permille = 1000;
  int compute_permille = 1000;

  bool operator==(const Oversubscription&) const = default;
};

/// A node: what it has and who may use it. What is booked on it is the index's.
struct NodeSpec {
  std::string name = {};
  std::uint32_t rank = 0;  // of equally good nodes the lowest rank wins, then the name
  HostAmounts capacity = {};
  std::map<std::string, std::int64_t> extended = {};  // further resources that are counted
  std::map<std::string, std::string> labels = {};
  std::vector<Taint> taints = {};
  bool cordoned = false;
  Oversubscription oversubscription = {};
  std::vector<DeviceSpec> devices = {};  // in any order

  bool operator==(const NodeSpec&) const = default;
};

}  // namespace melon::placement

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <compare>
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

/// How well two devices of a node are linked, as the first of them says.
struct DeviceLink {
  std::string from = {};  // uuid
  std::string to = {};
  std::int32_t score = 0;

  bool operator==(const DeviceLink&) const = default;
};

/// As Kubernetes has it. `effect` is NoSchedule, PreferNoSchedule or NoExecute.
struct Taint {
  std::string key = {};
  std::string value = {};
  std::string effect = {};

  bool operator==(const Taint&) const = default;
};

/// A port of the host that a container takes. Two of one protocol and number are in each other's
/// way where they are on one address; an empty address is all of them.
struct HostPort {
  std::uint16_t number = 0;
  std::string protocol = "TCP";
  std::string address = {};

  auto operator<=>(const HostPort&) const = default;
  bool is_barred_by(const HostPort& other) const {
    return number == other.number && protocol == other.protocol &&
           (address.empty() || other.address.empty() || address == other.address);
  }
};

/// "8080", "10.0.0.1:53/UDP".
std::string to_text(const HostPort& port);

/// How much of a device may be booked, in thousandths of what it physically has. One slice never
/// exceeds the device itself, whatever these say.
struct Oversubscription {
  int memory_permille = 1000;
  int compute_permille = 1000;

  bool operator==(const Oversubscription&) const = default;
};

/// What may be booked of a device: its capacity times the node's oversubscription.
inline Amounts bookable(const Amounts& capacity, const Oversubscription& factors) {
  Amounts amounts = capacity;
  const auto scaled = [](std::int32_t amount, int permille) {
    const std::int64_t wide = std::int64_t{amount} * permille / 1000;
    return static_cast<std::int32_t>(std::min<std::int64_t>(wide, kMostAmount));
  };
  amounts[kMemory] = scaled(capacity[kMemory], factors.memory_permille);
  amounts[kCompute] = scaled(capacity[kCompute], factors.compute_permille);
  return amounts;
}

/// What a node says that so many devices of a vendor, taken together, are worth to it or cost it.
struct ScoreTables {
  std::map<std::int64_t, double> binpack = {};  // by how many, where nodes are filled
  std::map<std::int64_t, double> spread = {};   // and where they are spread over

  bool operator==(const ScoreTables&) const = default;
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
  std::vector<DeviceLink> links = {};    // of devices that there are; others are left out
  std::map<std::string, ScoreTables> score_tables = {};  // by vendor

  bool operator==(const NodeSpec&) const = default;
};

}  // namespace melon::placement

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kube/objects.h"
#include "vendors/compatibility.h"
#include "vendors/descriptor.h"

namespace melon::kube::detail {

/// Which cores of devices are held, where cores are given one by one (ComputeUnit::kCoreMask): as
/// bits, by node and device.
class HeldCores {
 public:
  void hold(const std::string& node, const std::string& uuid, std::int64_t cores) {
    held_[{node, uuid}] |= cores;
  }
  std::int64_t on(const std::string& node, const std::string& uuid) const {
    const auto found = held_.find({node, uuid});
    return found == held_.end() ? 0 : found->second;
  }

 private:
  std::map<std::pair<std::string, std::string>, std::int64_t> held_ = {};
};

/// The lowest `count` of a device's cores that are not held, as bits; fewer where there are not as
/// many.
std::int64_t free_cores(std::int64_t device_cores, std::int64_t held, std::int64_t count);

/// The descriptors, where cores are counted with as many a device as the nodes' largest devices
/// have: so many of them are one device's, more are several devices in full. Nodes that say nothing
/// leave the descriptors as they are.
std::vector<vendors::Descriptor> with_cores_of_nodes(
    std::span<const vendors::Descriptor> descriptors, const std::vector<Node>& nodes,
    vendors::Compatibility compat);

}  // namespace melon::kube::detail

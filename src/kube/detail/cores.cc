// SPDX-License-Identifier: Apache-2.0
// Counts cores that are given one by one, and chooses among them.
#include "kube/detail/cores.h"

#include <algorithm>
#include <bit>

#include "annotations/capacity_devices.h"

namespace melon::kube::detail {
namespace {

constexpr int kMostCores = 62;  // bits of a mask

/// The most cores that one device of the node has; 0 where it has none of the backend.
std::int64_t cores_on(const vendors::Backend& backend, const Node& node,
                      vendors::Compatibility compat) {
  ResourceList capacity = node.allocatable;
  capacity.insert(node.capacity.begin(), node.capacity.end());  // keeps what is there
  std::int64_t most = 0;
  for (const vendors::Registration& rule : backend.registrations) {
    if (rule.format != vendors::RegistrationFormat::kCapacity) continue;
    const auto devices =
        annotations::derive_devices(backend, rule, node.metadata.name, capacity, compat);
    if (!devices) continue;  // whoever reads the node's devices names it
    for (const annotations::RegisteredDevice& device : *devices)
      most =
          std::max<std::int64_t>(most, std::popcount(static_cast<std::uint64_t>(device.compute)));
  }
  return most;
}

}  // namespace

std::int64_t free_cores(std::int64_t device_cores, std::int64_t held, std::int64_t count) {
  std::int64_t cores = 0;
  for (int bit = 0; bit < std::min<std::int64_t>(device_cores, kMostCores) && count > 0; ++bit) {
    const std::int64_t core = std::int64_t{1} << bit;
    if ((held & core) != 0) continue;
    cores |= core;
    --count;
  }
  return cores;
}

std::vector<vendors::Descriptor> with_cores_of_nodes(
    std::span<const vendors::Descriptor> descriptors, const std::vector<Node>& nodes,
    vendors::Compatibility compat) {
  std::vector<vendors::Descriptor> result(descriptors.begin(), descriptors.end());
  for (vendors::Descriptor& descriptor : result)
    for (vendors::Backend& backend : descriptor.backends) {
      if (backend.compute.unit != vendors::ComputeUnit::kCoreMask) continue;
      std::int64_t most = 0;
      for (const Node& node : nodes) most = std::max(most, cores_on(backend, node, compat));
      if (most == 0) continue;
      backend.compute.units_per_device = most;
      backend.compute.default_units = most;
    }
  return result;
}

}  // namespace melon::kube::detail

// SPDX-License-Identifier: Apache-2.0
// Describes a machine and what is asked of it as the engine knows nodes and demands.
#include "placement/detail/machine_node.h"

#include <algorithm>
#include <cstdint>

namespace melon::placement::detail {
namespace {

using core::Device;
using core::Request;

constexpr std::int64_t kNoBound = std::int64_t{1} << 40U;

/// Nothing has more than the engine counts: what exceeds it fits nowhere.
std::int32_t bounded(std::int64_t amount, std::int32_t most) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(amount, 0, most));
}

}  // namespace

Amounts amounts_of(std::int64_t slots, MiB memory, Permille compute) {
  Amounts amounts;
  amounts[kSlots] = bounded(slots, kUnusable);
  amounts[kMemory] = bounded(memory.count(), kUnusable);
  amounts[kCompute] = bounded(compute.count(), kUnusable);
  return amounts;
}

NodeSpec node_of(const std::vector<Device>& devices, const Limits& limits) {
  NodeSpec node{.name = kThisNode,
                .capacity = {.pods = kNoBound},
                .oversubscription = {static_cast<int>(limits.memory.count()),
                                     static_cast<int>(limits.compute.count())}};
  for (const Device& device : devices)
    node.devices.push_back({.uuid = device.id,
                            .vendor = device.vendor,
                            .type = device.type,
                            .capacity = amounts_of(limits.grants, device.memory, kWholeDevice)});
  return node;
}

DeviceDemand demand_of(const Request& request) {
  DeviceDemand demand{.count = request.count};
  demand.each[kCompute] = bounded(request.booked().count(), kMostAmount);
  demand.unused = !request.memory;
  if (!request.memory)
    demand.memory_permille = static_cast<int>(kWholeDevice.count());
  else if (request.memory->of_device)
    demand.memory_permille = static_cast<int>(request.memory->of_device->count());
  else
    demand.each[kMemory] = bounded(request.memory->absolute.count(), kMostAmount);
  return demand;
}

DeviceDemand with_memory(DeviceDemand demand, std::int32_t amount) {
  demand.unused = false;
  demand.memory_permille.reset();
  demand.each[kMemory] = amount;
  return demand;
}

DeviceDemand with_compute(DeviceDemand demand, std::int32_t amount) {
  demand.each[kCompute] = amount;
  return demand;
}

}  // namespace melon::placement::detail

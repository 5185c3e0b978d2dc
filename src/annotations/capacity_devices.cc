// SPDX-License-Identifier: Apache-2.0
// Derives devices from the capacity of a node.
#include "annotations/capacity_devices.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/kube_quantity.h"

namespace melon::annotations {
namespace {

using vendors::CapacityOf;
using vendors::Registration;

constexpr std::int64_t kMostDevices = 4096;
constexpr std::int64_t kMostAmount = std::int64_t{1} << 32;

using Capacity = std::map<std::string, std::string>;

Result<std::int64_t> amount_of(const Capacity& capacity, const std::string& name) {
  const auto found = capacity.find(name);
  if (name.empty() || found == capacity.end()) return 0;
  const auto quantity = parse_kube_quantity(found->second);
  if (quantity && quantity->is_integer() && quantity->whole >= 0 && quantity->whole <= kMostAmount)
    return quantity->whole;
  return fail(Code::kInvalidArgument,
              fmt::format("capacity {} '{}' is no whole number up to 2^32", name, found->second),
              "look at the device plugin that reports it");
}

const std::string& resource_of(const vendors::Backend& backend, CapacityOf from) {
  static const std::string kNobody;
  switch (from) {
    case CapacityOf::kCount:
      return backend.resources.count;
    case CapacityOf::kMemory:
      return backend.resources.memory;
    case CapacityOf::kCompute:
      return backend.resources.compute;
    case CapacityOf::kNone:
      break;
  }
  return kNobody;
}

Result<std::int64_t> slots_of(const vendors::Backend& backend, const Registration& rule,
                              const Capacity& capacity, std::int64_t devices,
                              vendors::Compatibility mode) {
  const std::string& from =
      rule.slots_resource.empty() ? resource_of(backend, rule.slots_from) : rule.slots_resource;
  if (from.empty()) return rule.slots;
  MELON_TRY(const std::int64_t all, amount_of(capacity, from));
  const std::int64_t slots = all / devices;
  if (rule.most_slots > 0 && is_compatible(mode)) return std::min(slots, rule.most_slots);
  return slots;
}

}  // namespace

std::string device_id(std::string pattern, std::string_view node, std::int64_t index) {
  const auto replace = [&pattern](std::string_view name, std::string_view value) {
    if (const auto at = pattern.find(name); at != std::string::npos)
      pattern.replace(at, name.size(), value);
  };
  replace("{i}", std::to_string(index));
  replace("{node}", node);
  return pattern;
}

Result<std::vector<RegisteredDevice>> derive_devices(const vendors::Backend& backend,
                                                     const Registration& rule,
                                                     std::string_view node,
                                                     const Capacity& capacity,
                                                     vendors::Compatibility mode) {
  const std::string& counted = rule.devices_resource.empty()
                                   ? resource_of(backend, rule.devices_from)
                                   : rule.devices_resource;
  MELON_TRY(const std::int64_t counted_amount, amount_of(capacity, counted));
  const std::int64_t count = counted_amount / rule.per_device;
  if (count == 0) return std::vector<RegisteredDevice>();
  if (count > kMostDevices)
    return fail(
        Code::kInvalidArgument,
        fmt::format("capacity {} makes {} devices, more than {}", counted, count, kMostDevices),
        "look at the device plugin that reports it");
  MELON_TRY(const std::int64_t slots, slots_of(backend, rule, capacity, count, mode));
  std::int64_t memory = rule.memory_mib;
  if (rule.memory_from != CapacityOf::kNone) {
    MELON_TRY(const std::int64_t all, amount_of(capacity, resource_of(backend, rule.memory_from)));
    memory = all * backend.memory.unit_mib * rule.per_device / counted_amount;
  }
  const bool is_mask = backend.compute.unit == vendors::ComputeUnit::kCoreMask;
  const std::int64_t cores =
      is_mask ? (std::int64_t{1} << std::min<std::int64_t>(slots, 62)) - 1 : 0;
  MELON_RETURN_IF_ERROR(check_device_id(device_id(rule.id, node, 0)));
  std::vector<RegisteredDevice> devices;
  for (std::int64_t i = 0; i < count; ++i)
    devices.push_back({.id = device_id(rule.id, node, i),
                       .index = i,
                       .slots = slots,
                       .memory = MiB(memory),
                       .compute = is_mask ? cores : rule.compute,
                       .type = backend.word,
                       .numa = rule.upper_half_is_numa_1 && 2 * i >= count ? 1 : 0,
                       .healthy = true});
  return devices;
}

}  // namespace melon::annotations

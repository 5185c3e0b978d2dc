// SPDX-License-Identifier: Apache-2.0
// Further conditions on one device.
#include "placement/pickers/device_rules.h"

#include <algorithm>

namespace melon::placement::pickers {

bool uniform_slice(const DeviceUse& use, MiB slice) {
  // In products, so that no average is rounded.
  return use.slots == 0 || use.memory.count() == slice.count() * use.slots;
}

bool qos_equal(const DeviceUse& use, const vendors::Demand& demand, std::int64_t whole_compute) {
  if (use.slots == 0 || demand.app_class == vendors::AppClass::kOnline) return true;
  if (demand.compute == whole_compute || use.qos == vendors::Qos::kNone) return true;
  return use.qos == demand.qos;
}

bool app_class(const DeviceUse& use, const vendors::Demand& demand) {
  const bool has_classed = use.online + use.offline > 0;
  const bool has_normal = use.slots > use.online + use.offline;
  switch (demand.app_class) {
    case vendors::AppClass::kNone:
      return !has_classed;
    case vendors::AppClass::kOnline:
      return !has_normal;
    case vendors::AppClass::kOffline:
      break;
  }
  return !has_normal && use.online == 0;
}

bool idle_only(const DeviceUse& use) { return use.slots == 0; }

bool same_device_per_pod(std::span<const std::int64_t> devices_of_pod, std::int64_t device) {
  return devices_of_pod.empty() ||
         std::ranges::find(devices_of_pod, device) != devices_of_pod.end();
}

bool member_mutex(std::span<const DeviceUse> group) {
  return std::ranges::all_of(group, idle_only);
}

}  // namespace melon::placement::pickers

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "base/units.h"
#include "vendors/demand.h"

namespace melon::placement::pickers {

/// What is on one device, as far as the rules look at it.
struct DeviceUse {
  std::int64_t slots = 0;                  // in use
  MiB memory = {};                         // in use
  std::int64_t online = 0;                 // slots of online pods
  std::int64_t offline = 0;                // slots of offline pods
  vendors::Qos qos = vendors::Qos::kNone;  // of the device: as chosen last, else as its node says
};

/// Slices of a device have one size: idle, or what is in use has this size on average.
bool uniform_slice(const DeviceUse& use, MiB slice);

/// One class of service at a time. Idle devices, exclusive requests and online pods are free of it.
bool qos_equal(const DeviceUse& use, const vendors::Demand& demand, std::int64_t whole_compute);

/// Pods with and without an application class never share, and offline never joins online.
bool app_class(const DeviceUse& use, const vendors::Demand& demand);

bool idle_only(const DeviceUse& use);

/// All containers of a pod are on the same devices: none placed yet, or this is one of theirs.
bool same_device_per_pod(std::span<const std::int64_t> devices_of_pod, std::int64_t device);

/// An exclusive request avoids every device of a group of which one is in use.
bool member_mutex(std::span<const DeviceUse> group);

}  // namespace melon::placement::pickers

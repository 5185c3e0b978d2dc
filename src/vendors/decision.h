// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/units.h"
#include "vendors/backend.h"

namespace melon::vendors {

/// What one container gets of one device, as annotations and environment tell it.
struct DeviceSlice {
  std::string uuid = {};
  std::int64_t index = 0;  // of the device on its node
  std::string type = {};   // of the device, as registered
  std::string mode = {};   // the same
  MiB memory = {};
  std::int64_t compute = 0;        // in the backend's unit; kCoreMask: the cores taken, as bits
  std::string template_name = {};  // template or profile; empty: none
  std::string profile_id = {};     // the vendor's number of the profile
  std::int64_t slices = 1;         // size of the profile
  std::string minor = {};
  bool by_compute = false;  // asked for in compute alone (kCoreMask)

  bool operator==(const DeviceSlice&) const = default;
};

struct ContainerSlices {
  std::string container = {};
  std::vector<DeviceSlice> devices = {};

  bool operator==(const ContainerSlices&) const = default;
};

/// What a pod gets of one backend's devices. Containers stand as in the pod, initial ones first;
/// one without devices is there too.
struct Decision {
  std::string node = {};
  std::int64_t unix_ns = 0;  // when it was made
  std::vector<ContainerSlices> containers = {};
};

}  // namespace melon::vendors

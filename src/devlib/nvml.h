// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "devlib/device_library.h"
#include "devlib/registry.h"
#include "vendors/descriptor.h"

namespace melon::devlib {

/// NVIDIA's management library, loaded when it is there: the first of the descriptor's libraries
/// that opens. Tells health, memory, utilisation and processes.
std::unique_ptr<DeviceLibrary> open_nvml(const vendors::Descriptor& vendor,
                                         const Settings& settings);

}  // namespace melon::devlib

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "devlib/device_library.h"
#include "vendors/descriptor.h"

namespace melon::devlib {

struct Settings {
  std::string self_executable = "/proc/self/exe";  // run again to probe OpenCL; see opencl_probe.h
  std::chrono::milliseconds probe_timeout{20'000};
};

/// The library for a vendor, by its descriptor's way of discovery. Never null.
std::unique_ptr<DeviceLibrary> open_library(const vendors::Descriptor& vendor,
                                            const Settings& settings);

/// True when what this vendor's library says of a card counts more than what others say of it: a
/// management library knows health, memory and processes of its own cards.
bool is_management_library(const vendors::Descriptor& vendor);

}  // namespace melon::devlib

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "devlib/device_library.h"
#include "devlib/registry.h"
#include "vendors/descriptor.h"

namespace melon::devlib {

/// The argument by which a binary of ours becomes a probe: its main() returns run_opencl_probe().
constexpr std::string_view kProbeArgument = "--probe-opencl";

/// Loads the first of these libraries that is there, asks it for devices and prints one line of
/// JSON for each on stdout, then {"complete": true}. Drivers run foreign code in this process:
/// hence it is a short-lived child. Returns an exit status. `libraries` empty: libOpenCL.so.1.
int run_opencl_probe(const std::vector<std::string>& libraries = {});

/// Runs probes as children of this process and takes their findings. When a driver crashes or
/// hangs, each one is probed alone, so that the others' devices are found and the bad one is named.
std::unique_ptr<DeviceLibrary> open_opencl(const vendors::Descriptor& vendor,
                                           const Settings& settings);

}  // namespace melon::devlib

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdio>

#include "shim/abi/region.h"

namespace melon::abi {

// Buffers for the names that make up a key. Both sides read names with exactly these sizes, because
// a name that does not fit comes out empty.
constexpr std::size_t kPlatformNameBytes = 96;
constexpr std::size_t kDeviceNameBytes = 128;

/// Writes the key of an OpenCL device: what the agent's discovery and the shim in a tenant derive
/// alike from the driver's own answers, and so the device's identity between them. `uuid` (32 hex
/// digits) and `pci` ("0000:01:00.0") are used when the driver tells them; PoCL tells neither, so
/// platform, name and the ordinal among that platform's devices of that name identify it.
// NOLINTNEXTLINE(readability-function-size): what a driver tells, one by one
inline void opencl_device_key(char (&out)[kKeyBytes], const char* platform, const char* name,
                              unsigned ordinal, const char* uuid, const char* pci) {
  if (uuid != nullptr && uuid[0] != 0)
    std::snprintf(out, kKeyBytes, "uuid:%s", uuid);
  else if (pci != nullptr && pci[0] != 0)
    std::snprintf(out, kKeyBytes, "pci:%s", pci);
  else
    std::snprintf(out, kKeyBytes, "opencl:%s|%s|%u", platform, name, ordinal);
}

}  // namespace melon::abi

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/units.h"

namespace melon::core {

enum class Health { kHealthy, kUnhealthy, kHeld };  // kHeld: another daemon owns this device

/// How a device's limits are kept; chosen per device by its vendor's descriptor.
enum class Enforcement { kNone, kShim };

/// One physical accelerator, as discovery found it. Identity is `key`: what both the agent and the
/// library in the tenant's process derive from the device itself, so that they mean the same one.
struct Device {
  std::string id = {};      // short, stable on this machine, what people type: "opencl-0"
  std::string key = {};     // shim/abi/device_key.h; at most 255 bytes
  std::string vendor = {};  // descriptor id: "opencl", "nvidia"
  std::string type = {};    // the model as its library names it
  std::string kind = {};    // "cpu", "gpu", "accelerator"; empty: its library does not tell
  int index = 0;            // order within the vendor
  bool is_cpu =
      false;  // the host's own processor: chosen only when asked for or nothing else is there
  bool simulated = false;
  Health health = Health::kHealthy;
  std::string health_reason = {};  // empty when healthy
  Enforcement enforcement = Enforcement::kShim;
  MiB memory = {};
  int compute_units = 0;
  std::string native_id = {};  // what the vendor's own programs call it: "GPU-8b0a1c2d-..."
  std::vector<std::string> aliases = {};  // PCI address, uuid: two libraries, one card

  bool operator==(const Device&) const = default;
};

}  // namespace melon::core

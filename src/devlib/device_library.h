// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "core/device.h"
#include "core/finding.h"
#include "core/grant.h"

namespace melon::devlib {

/// What discovery found.
struct Discovered {
  std::vector<core::Device> devices = {};
  /// What discovery could not do: no errors, because the other devices are there.
  std::vector<core::Fault> faults = {};
};

/// How a device is doing. Empty: its library does not tell.
struct Sample {
  std::optional<MiB> used_memory = {};  // by everybody on it
  std::optional<Permille> utilization =
      {};  // of the time since the last sample, or as the library averages
  core::Health health = core::Health::kHealthy;
  std::string health_reason = {};  // empty when healthy
};

/// What memory a process holds, as far as anybody tells.
struct MemoryHeld {
  std::optional<MiB> on_device = {};  // of the device's, by its library
  /// Where no library tells, but the device's memory is the machine's own: what the process has of
  /// that, without files. Its buffers are within it once they are written to, and so is everything
  /// else that the program keeps.
  std::optional<MiB> resident = {};
  bool operator==(const MemoryHeld&) const = default;
};

/// A process as a device's library tells of it.
struct ToldProcess {
  int pid = 0;
  std::optional<MiB> used_memory = {};  // of the device's; empty: not told
};

/// One way to find devices and to ask how they are; the seam to a vendor's library. An absent
/// library finds no devices and is no error. Not thread-safe; calls may take seconds.
class DeviceLibrary {
 public:
  DeviceLibrary() = default;
  DeviceLibrary(const DeviceLibrary&) = delete;
  DeviceLibrary& operator=(const DeviceLibrary&) = delete;
  virtual ~DeviceLibrary() = default;

  /// Devices in the library's own order, without `id` and `index`.
  virtual Discovered enumerate() = 0;
  /// `device` as enumerate() gave it; it is recognised by its key.
  virtual Sample sample(const core::Device& device) = 0;
  /// The processes on the device, each once. Empty optional: the library does not tell.
  virtual std::optional<std::vector<ToldProcess>> processes(const core::Device& device) = 0;
};

/// A process that is on a device, whoever started it.
struct DeviceProcess {
  core::ProcessId process = {};
  std::uint32_t user = 0;
  std::string command = {};
  std::string vendor = {};  // descriptor id
  std::string device = {};  // Device::id; empty: some device of this vendor
  MemoryHeld memory = {};   // on that device
};

}  // namespace melon::devlib

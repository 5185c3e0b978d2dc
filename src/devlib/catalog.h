// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "devlib/device_library.h"
#include "devlib/process_scan.h"
#include "devlib/registry.h"
#include "vendors/descriptor.h"

namespace melon::devlib {

/// All devices of this machine through all vendors' libraries, each once.
///
/// Not thread-safe. discover() may take as long as the probe's timeout for each driver; sample()
/// and processes() take milliseconds.
class Catalog {
 public:
  explicit Catalog(std::vector<vendors::Descriptor> vendors, const Settings& settings = {});
  /// With other libraries, one for each vendor in the same order: for tests.
  Catalog(std::vector<vendors::Descriptor> vendors,
          std::vector<std::unique_ptr<DeviceLibrary>> libraries);

  /// Asks every library, merges cards seen twice, numbers what is left: "opencl-0", "nvidia-0".
  Discovered discover();
  /// How a device of the last discover() is doing.
  Sample sample(const core::Device& device);
  /// Who is on the devices of the last discover(): by the libraries that tell, else by the files
  /// that processes have mapped.
  std::vector<DeviceProcess> processes();

 private:
  struct Source {
    vendors::Descriptor vendor;
    std::unique_ptr<DeviceLibrary> library;
  };
  Source* source_of(const core::Device& device);
  bool add_told(const core::Device& device, std::vector<DeviceProcess>& out);
  /// Finds out where the process is and what it holds there, as far as its library has not told.
  void complete(DeviceProcess& entry) const;

  std::vector<Source> sources_;  // management libraries first
  std::vector<core::Device> devices_;
  std::map<std::string, std::string> library_key_;  // Device::id -> the key its library knows
  ProcessScan scan_;
};

/// Makes one device of those that share a key or an alias (uuid, PCI address). The first of them
/// says who it is: vendor, type, health; what it does not know is taken from the others. The key is
/// that of one whose enforcement is the shim, since a tenant must derive it too; but enforcement is
/// none if any of them has none, because a program may take that other way. Pure; keeps the order.
std::vector<core::Device> merge_devices(std::span<const core::Device> devices);

}  // namespace melon::devlib

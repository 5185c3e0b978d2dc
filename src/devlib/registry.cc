// SPDX-License-Identifier: Apache-2.0
// The one table of ways to find devices.
#include "devlib/registry.h"

#include <array>

#include "devlib/nvml.h"
#include "devlib/opencl_probe.h"

namespace melon::devlib {
namespace {

struct Entry {
  vendors::Discovery discovery;
  bool management;
  std::unique_ptr<DeviceLibrary> (*open)(const vendors::Descriptor&, const Settings&);
};

constexpr std::array kEntries = {
    Entry{vendors::Discovery::kNvml, true, open_nvml},
    Entry{vendors::Discovery::kOpencl, false, open_opencl},
};

const Entry& entry_of(const vendors::Descriptor& vendor) {
  for (const Entry& entry : kEntries)
    if (entry.discovery == vendor.discovery) return entry;
  return kEntries.back();  // the compiler's doubt only: every enumerator has its line
}

}  // namespace

std::unique_ptr<DeviceLibrary> open_library(const vendors::Descriptor& vendor,
                                            const Settings& settings) {
  return entry_of(vendor).open(vendor, settings);
}

bool is_management_library(const vendors::Descriptor& vendor) {
  return entry_of(vendor).management;
}

}  // namespace melon::devlib

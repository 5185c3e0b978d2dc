// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "devlib/device_library.h"
#include "vendors/descriptor.h"

namespace melon::devlib {

/// Finds processes that have a vendor's library mapped, however they came by it.
///
/// Reading every process's list of mappings is dear, so each is read again only when the size of
/// the process's memory has changed, which loading a library does. Not thread-safe.
class ProcessScan {
 public:
  /// Processes on devices of these vendors; one entry for each process and vendor.
  std::vector<DeviceProcess> scan(std::span<const vendors::Descriptor> vendors);

  /// How many lists of mappings the last scan read.
  int read_maps() const { return read_maps_; }

 private:
  struct Seen {
    std::uint64_t memory_bytes = 0;
    std::vector<DeviceProcess> found = {};
    bool alive = false;
  };
  std::map<core::ProcessId, Seen> seen_;
  int read_maps_ = 0;
};

}  // namespace melon::devlib

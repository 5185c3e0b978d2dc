// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "agent/workloads.h"
#include "devlib/device_library.h"

namespace melon::agent {

/// What a process says of itself, as far as the daemon may read it.
struct ProcessClaims {
  bool has_library = false;       // libmelon.so is mapped
  std::string grant_folder = {};  // MELON_GRANT when it started
  int parent = 0;
};
/// Reads /proc. Nothing known of a process that is gone or another user's.
ProcessClaims claims_of(int pid);

/// A process on a device.
struct DeviceUser {
  devlib::DeviceProcess seen = {};
  const core::Grant* grant = nullptr;  // null: none
  bool managed = false;  // it is in a ledger, or keeps the library and was started in a live grant
};

/// Tells those who keep their grant's limits from those who do not. A process that was started in
/// a grant and dropped the library is the grant's, unmanaged. Pure but for `claims`.
std::vector<DeviceUser> judge_device_users(std::span<const devlib::DeviceProcess> processes,
                                           const Workloads& workloads,
                                           const std::function<ProcessClaims(int)>& claims);

}  // namespace melon::agent

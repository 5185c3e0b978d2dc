// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
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
  std::string ledger_of = {};     // the id of the grant whose ledger is mapped
  std::string grant_folder = {};  // MELON_GRANT when it started
  int parent = 0;
};
/// Reads /proc. Nothing known of a process that is gone or another user's.
ProcessClaims claims_of(int pid);

/// MELON_GRANT as the process was started with it; empty: without, or not ours to read.
std::string grant_folder_of(int pid);
/// The id of the grant whose ledger the process has mapped, which only the library does; empty:
/// none. Nobody but the owner can open it, so that this cannot be feigned with another's.
std::string mapped_ledger_of(int pid);

/// Processes that have the library and a grant, but are in no ledger yet, by how often in a row
/// they were seen so: a program that has just started is no escape.
using Newcomers = std::map<core::ProcessId, int>;

/// A process on a device.
struct DeviceUser {
  devlib::DeviceProcess seen = {};
  const core::Grant* grant = nullptr;  // null: none
  std::string foreign_grant = {};      // its folder, when another daemon granted it: not below ours
  bool managed = false;  // it is in the ledger, or has just been started with the library
};

/// Tells those who keep their grant's limits from those who do not. A process that was started in
/// a grant and dropped the library or the grant is the grant's, unmanaged; one that only names
/// another user's grant is nobody's. Pure but for `claims`.
std::vector<DeviceUser> judge_device_users(std::span<const devlib::DeviceProcess> processes,
                                           const Workloads& workloads,
                                           const std::function<ProcessClaims(int)>& claims,
                                           Newcomers& newcomers);

}  // namespace melon::agent

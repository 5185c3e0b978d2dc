// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/device.h"
#include "core/finding.h"
#include "devlib/device_library.h"

namespace melon::agent {

/// Somebody on a device whose limits nobody keeps.
struct UnmanagedProcess {
  int pid = 0;  ///< 0: not the caller's to know
  std::string user = {};
  std::string command = {};        // empty with pid 0
  std::string grant = {};          // in which it was started, without keeping to it; empty: none
  devlib::MemoryHeld memory = {};  // on the device
  /// The folder of the grant that it runs in, when that is another daemon's; empty with pid 0.
  std::string foreign_grant = {};
};

/// Who asks: remedies are for his own shell.
enum class Asker { kRoot, kDaemonUser, kOther };

/// What the daemon knows of its own troubles, as plain facts.
struct Circumstances {
  std::vector<core::Fault> discovery = {};  // what discovery itself has to say
  std::vector<core::Device> devices = {};
  std::string preload_library = {};  // empty: not found
  std::vector<std::string> preload_candidates = {};
  std::vector<std::pair<std::string, std::string>> broken_ledgers = {};  // grant's name, which rule
  std::vector<std::pair<std::string, std::string>> false_claims = {};    // grant's name, which
  std::vector<std::string> private_ledgers = {};                         // grants' names
  std::vector<UnmanagedProcess> unmanaged = {};
  std::vector<std::string> grants_without_device = {};
  std::size_t unsaved_changes = 0;
  std::string state_folder = {};
  std::optional<std::uint64_t> state_free_bytes = {};
  std::int64_t clock_behind_ms = 0;  // how much later the last stored event is than now
  bool is_root = false;              // the daemon
  Asker asker = Asker::kRoot;
  std::set<std::string> others_grants = {};  // names of those that he may not change
  // Commands are those of the daemon's own user.
  std::map<std::string, std::string> held_by = {};        // the command that ends the holder, by id
  std::map<std::string, std::string> lock_remedies = {};  // the command that frees a lock, by id
  std::int64_t looking_seconds = 0;  // how long the look at the devices under way takes already
  std::map<std::string, std::vector<std::string>> grants_on = {};  // names, by device
  std::string config_file = {};      // the one in use, or where it would be read from
  bool ignores_devices = false;      // it names devices to ignore already
  std::string restart_command = {};  // ends this daemon and starts it again
};

/// What doctor shows of them, explained by core/finding.h. Pure.
std::vector<core::Finding> findings_of(const Circumstances& facts);

}  // namespace melon::agent

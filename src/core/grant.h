// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "core/request.h"

namespace melon::core {

/// The life of a workload and of the one grant it holds:
///   queued -> reserved -> running <-> suspended -> exited | failed | lost
/// queued: waits for room. reserved: holds its slices, no process yet. exited: status 0, or stopped
/// by a person, whatever the status; failed: another status or a signal; lost: its processes
/// vanished and nobody saw how.
enum class State { kQueued, kReserved, kRunning, kSuspended, kExited, kFailed, kLost };

constexpr bool holds_slices(State s) {
  return s == State::kReserved || s == State::kRunning || s == State::kSuspended;
}
constexpr bool is_over(State s) {
  return s == State::kExited || s == State::kFailed || s == State::kLost;
}

/// Memory and compute granted on one device.
struct Slice {
  std::string device = {};  // Device::id
  MiB memory = {};
  Permille compute = {};  // hard: the cap; burst: the guarantee; weighted: 0
  Permille ceiling = {};  // burst: the most; hard: = compute; weighted: the whole device

  bool operator==(const Slice&) const = default;
};

/// A process, safely named: a pid alone is reused.
struct ProcessId {
  int pid = 0;
  std::uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat

  auto operator<=>(const ProcessId&) const = default;
};

/// All slices of one workload, with its owner.
struct Grant {
  std::string id = {};      // "g-" and 12 characters; never reused
  std::string name = {};    // what the user called it; unique among grants that are not over
  std::uint32_t owner = 0;  // Unix user id
  Request request = {};
  std::vector<Slice> slices = {};
  State state = State::kQueued;
  std::vector<std::string> arguments = {};  // private to owner and root
  /// Registered ones: the first for ever, because it is the program whose end is the workload's;
  /// others while they live. The ledger has those that only attached.
  std::vector<ProcessId> processes = {};
  std::int64_t created_unix_ms = 0;
  std::int64_t created_boot_ms = 0;   // since the boot named below
  std::string boot_id = {};           // empty: unknown
  std::int64_t ended_unix_ms = 0;     // 0: not over
  std::int64_t end_number = 0;        // rises with every end, whatever the clock does; 0: not over
  std::optional<int> exit_code = {};  // 128 + signal for a signal
  std::string reason = {};            // why it waits, or how it ended
  int keep_seconds = 60;              // time to live without a process
  std::int64_t wait_until_unix_ms = 0;  // queued: gives up then; 0: waits for ever
  /// Queued: the process that waits for it, whose end withdraws the request; empty: whoever asked
  /// comes back for it.
  std::optional<ProcessId> waiter = {};

  bool operator==(const Grant&) const = default;
};

}  // namespace melon::core

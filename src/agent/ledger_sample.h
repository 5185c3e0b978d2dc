// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/event_kinds.h"
#include "core/grant.h"
#include "shim/abi/files.h"
#include "shim/abi/region.h"

namespace melon::agent {

/// What one ledger says at one moment. Everything in it is the tenant's word.
struct LedgerSample {
  /// One slice, in the order of the grant's slices.
  struct Device {
    std::uint64_t used_granules = 0;
    std::uint64_t consumed_ns = 0;
    std::uint64_t throttled_ns = 0;
    std::uint64_t refusals = 0;
    std::uint64_t launches = 0;
  };
  /// One live slot; not yet checked against the machine.
  struct Process {
    core::ProcessId id;                        // as its own pid namespace counts
    std::uint64_t pid_namespace = 0;           // inode; 0: unknown
    unsigned slot = 0;                         // below abi::kMaxProcesses
    std::vector<std::uint64_t> used_granules;  // of each device
  };
  bool busy = false;        // a lease of its owner keeps it from being opened now; nothing is known
  bool was_used = false;    // a process was in it, at some time
  bool broken = false;      // truncated, of another version, or against the rules of ledger.h
  const char* breach = "";  // which rule
  std::uint64_t flags = 0;  // abi::ProcessFlag bits of all processes
  std::vector<Device> devices;
  std::vector<Process> processes;
};

/// Frees what dead processes left in the ledger and reads it. Whatever the tenant did to the file,
/// this returns at once: at worst a broken or a busy sample.
LedgerSample sample_ledger(const std::string& path, unsigned device_count);

/// What one arena page says. Everything in it is the tenant's word.
struct PageSample {
  std::optional<abi::ArenaView> claims = {};  // empty: the file is not an arena page
  std::uint64_t flags = 0;  // abi::ProcessFlag bits of a process that could leave them only here
};
PageSample sample_page(const std::string& path);

/// The names of the bits, as the API shows them.
std::vector<EventKind> flag_kinds(std::uint64_t flags);

}  // namespace melon::agent

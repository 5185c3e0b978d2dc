// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/grant.h"

namespace melon::agent {

/// A living process, as far as it matters whom it belongs to.
struct TreeProcess {
  core::ProcessId id = {};
  int parent = 0;
  std::uint32_t user = 0;
  std::string grant_folder =
      {};  // MELON_GRANT when it started; empty: without, or not ours to read
};

/// The machine's living processes by pid, without this one.
using ProcessTree = std::map<int, TreeProcess>;

/// Reads all of /proc, which is for rare occasions; of processes that started before `since_ticks`
/// only their number, and they are left out.
ProcessTree read_processes(std::uint64_t since_ticks = 0);

/// What is known of a grant whose descendants are looked for.
struct Descent {
  std::string grant_folder = {};
  /// Who may run in it; a process of anybody else only says that it belongs there.
  std::set<std::uint32_t> users = {};
  std::span<const core::ProcessId> known = {};  // inside, whatever they say
};

/// The processes that were started inside a grant: known ones, those with its folder in
/// MELON_GRANT, and the descendants of both, whoever their parent is now. Those that were started
/// inside another grant belong to that one.
std::vector<core::ProcessId> descendants_of(const Descent& grant, const ProcessTree& processes);

}  // namespace melon::agent

// SPDX-License-Identifier: Apache-2.0
// Finds the processes that a grant's program left behind.
#include "agent/descendants.h"

#include <unistd.h>

#include <map>

#include "agent/device_users.h"
#include "os/process_files.h"

namespace melon::agent {
namespace {

struct Candidate {
  core::ProcessId id = {};
  int parent = 0;
  bool inside = false;
  bool elsewhere = false;  // inside another grant
};

/// Deep enough for shells in shells; bounded, because /proc was not read at one instant.
constexpr int kMostAncestors = 64;

bool has_ancestor_inside(const std::map<int, Candidate>& all, const Candidate& process) {
  auto at = all.find(process.parent);
  for (int i = 0; i < kMostAncestors && at != all.end() && !at->second.elsewhere; ++i) {
    if (at->second.inside) return true;
    at = all.find(at->second.parent);
  }
  return false;
}

}  // namespace

std::vector<core::ProcessId> descendants_of(const Descent& grant) {
  std::map<int, Candidate> all;
  for (const int pid : os::process_ids()) {
    const auto stat = os::process_stat(pid);
    if (!stat || stat->state == 'Z' || stat->state == 'X' || pid == ::getpid()) continue;
    if (stat->memory_bytes == 0 || stat->start_ticks < grant.since_ticks) continue;
    Candidate found{.id = {.pid = pid, .start_ticks = stat->start_ticks}, .parent = stat->parent};
    const std::string folder = grant_folder_of(pid);
    found.inside = folder == grant.grant_folder &&
                   grant.users.contains(os::process_user(pid).value_or(~std::uint32_t{0}));
    found.elsewhere = !found.inside && !folder.empty();
    all.emplace(pid, found);
  }
  std::vector<core::ProcessId> inside;
  for (const auto& [pid, process] : all)
    if (process.inside || (!process.elsewhere && has_ancestor_inside(all, process)))
      inside.push_back(process.id);
  return inside;
}

}  // namespace melon::agent

// SPDX-License-Identifier: Apache-2.0
// Finds the processes of a whole program, also those that never touched a device.
#include "agent/descendants.h"

#include <unistd.h>

#include <algorithm>

#include "agent/device_users.h"
#include "os/process_files.h"

namespace melon::agent {
namespace {

constexpr std::uint32_t kNobody = ~std::uint32_t{0};

/// Deep enough for shells in shells; bounded, because /proc was not read at one instant.
constexpr int kMostAncestors = 64;

bool is_inside(const Descent& grant, const TreeProcess& process) {
  if (std::ranges::find(grant.known, process.id) != grant.known.end()) return true;
  return process.grant_folder == grant.grant_folder && grant.users.contains(process.user);
}

/// The nearest that says to whom it belongs decides, from the process itself upwards.
bool descends(const Descent& grant, const ProcessTree& processes, const TreeProcess& process) {
  auto at = processes.find(process.id.pid);
  for (int i = 0; i < kMostAncestors && at != processes.end(); ++i) {
    if (is_inside(grant, at->second)) return true;
    if (!at->second.grant_folder.empty()) return false;
    at = processes.find(at->second.parent);
  }
  return false;
}

}  // namespace

ProcessTree read_processes(std::uint64_t since_ticks) {
  ProcessTree processes;
  for (const int pid : os::process_ids()) {
    const auto stat = os::process_stat(pid);
    if (!stat || stat->state == 'Z' || stat->state == 'X' || pid == ::getpid()) continue;
    if (stat->memory_bytes == 0 || stat->start_ticks < since_ticks) continue;
    processes[pid] = {.id = {.pid = pid, .start_ticks = stat->start_ticks},
                      .parent = stat->parent,
                      .user = os::process_user(pid).value_or(kNobody),
                      .grant_folder = grant_folder_of(pid)};
  }
  return processes;
}

std::vector<core::ProcessId> descendants_of(const Descent& grant, const ProcessTree& processes) {
  std::vector<core::ProcessId> inside;
  for (const auto& [pid, process] : processes)
    if (descends(grant, processes, process)) inside.push_back(process.id);
  return inside;
}

}  // namespace melon::agent

// SPDX-License-Identifier: Apache-2.0
// Judges who on a device keeps to a grant.
#include "agent/device_users.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "os/process_files.h"
#include "shim/abi/region.h"

namespace melon::agent {
namespace {

/// Deep enough for shells in shells; bounded, because pids may be reused into circles.
constexpr int kMostAncestors = 32;

int parent_in(const std::string& status) {
  constexpr std::string_view kField = "PPid:\t";
  const std::size_t at = status.find(kField);
  if (at == std::string::npos) return 0;
  int parent = 0;
  std::from_chars(status.data() + at + kField.size(), status.data() + status.size(), parent);
  return parent;
}

std::string grant_folder_in(const std::string& environment) {
  const std::string name = std::string(abi::kGrantVariable) + "=";
  for (std::size_t at = 0; at < environment.size();) {
    const std::size_t end = std::min(environment.find('\0', at), environment.size());
    if (environment.compare(at, name.size(), name) == 0)
      return environment.substr(at + name.size(), end - at - name.size());
    at = end + 1;
  }
  return {};
}

const core::Grant* grant_of_ancestor(int pid, const Workloads& workloads,
                                     const std::function<ProcessClaims(int)>& claims) {
  for (int i = 0; i < kMostAncestors && pid > 1; ++i) {
    if (const auto process = identify(pid))
      if (const core::Grant* const grant = workloads.grant_of(*process)) return grant;
    pid = claims(pid).parent;
  }
  return nullptr;
}

DeviceUser judge(const devlib::DeviceProcess& seen, const Workloads& workloads,
                 const std::function<ProcessClaims(int)>& claims) {
  DeviceUser user{.seen = seen, .grant = workloads.ledger_grant_of(seen.process)};
  if (user.grant != nullptr) {
    user.managed = true;
    return user;
  }
  const ProcessClaims claim = claims(seen.process.pid);
  user.grant = workloads.grant_in(claim.grant_folder);
  user.managed = claim.has_library && user.grant != nullptr && user.grant->owner == seen.user;
  if (user.grant == nullptr) user.grant = grant_of_ancestor(seen.process.pid, workloads, claims);
  return user;
}

}  // namespace

ProcessClaims claims_of(int pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  ProcessClaims claims;
  if (const auto maps = os::read_file(folder + "/maps"))
    claims.has_library = maps->find("/libmelon.so") != std::string::npos;
  if (const auto environment = os::read_file(folder + "/environ"))
    claims.grant_folder = grant_folder_in(*environment);
  if (const auto status = os::read_file(folder + "/status")) claims.parent = parent_in(*status);
  return claims;
}

std::vector<DeviceUser> judge_device_users(std::span<const devlib::DeviceProcess> processes,
                                           const Workloads& workloads,
                                           const std::function<ProcessClaims(int)>& claims) {
  std::vector<DeviceUser> users;
  for (const devlib::DeviceProcess& seen : processes)
    if (seen.process.pid != ::getpid()) users.push_back(judge(seen, workloads, claims));
  return users;
}

}  // namespace melon::agent

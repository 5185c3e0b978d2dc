// SPDX-License-Identifier: Apache-2.0
// Judges who on a device keeps to a grant.
#include "agent/device_users.h"

#include <unistd.h>

#include <algorithm>

#include "os/process_files.h"
#include "shim/abi/region.h"

namespace melon::agent {
namespace {

/// Deep enough for shells in shells; bounded, because pids may be reused into circles.
constexpr int kMostAncestors = 32;

/// Looks in a row at which a process may have its library without its ledger.
constexpr int kPatientLooks = 4;

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

std::string ledger_in(std::string_view maps) {
  constexpr std::string_view kGrants = "/grants/";
  constexpr std::string_view kLedger = "/ledger";
  for (std::size_t at = maps.find(kLedger); at != std::string_view::npos;
       at = maps.find(kLedger, at + 1)) {
    const std::size_t id = maps.rfind('/', at - 1);
    if (id == std::string_view::npos || id + 1 < kGrants.size()) continue;
    if (maps.substr(id + 1 - kGrants.size(), kGrants.size()) == kGrants)
      return std::string(maps.substr(id + 1, at - id - 1));
  }
  return {};
}

/// In a ledger's mapping but in no slot are children of a fork that have not used the device, and
/// who found no slot free: neither has anything to use.
bool keeps_to(const core::Grant& grant, const ProcessClaims& claim, const Workloads& workloads) {
  if (!claim.has_library) return false;
  return claim.ledger_of == grant.id || workloads.keeps_private_ledger(grant);
}

DeviceUser judge(const devlib::DeviceProcess& seen, const Workloads& workloads,
                 const std::function<ProcessClaims(int)>& claims, Newcomers& newcomers) {
  DeviceUser user{.seen = seen, .grant = workloads.ledger_grant_of(seen.process)};
  if (user.grant != nullptr) {
    user.managed = true;
    return user;
  }
  const ProcessClaims claim = claims(seen.process.pid);
  const core::Grant* const named = workloads.grant_in(claim.grant_folder);
  if (named != nullptr && (named->owner == seen.user || seen.user == 0)) user.grant = named;
  if (user.grant != nullptr && claim.has_library)
    user.managed =
        keeps_to(*user.grant, claim, workloads) || ++newcomers[seen.process] <= kPatientLooks;
  if (user.grant == nullptr) user.grant = grant_of_ancestor(seen.process.pid, workloads, claims);
  // In our own folders are programs of grants that a lost database knew: nobody's now.
  if (user.grant == nullptr && claim.has_library && !workloads.keeps_folder(claim.grant_folder))
    user.foreign_grant = claim.grant_folder;
  return user;
}

}  // namespace

std::string grant_folder_of(int pid) {
  const auto environment = os::read_file("/proc/" + std::to_string(pid) + "/environ");
  return environment ? grant_folder_in(*environment) : std::string();
}

std::string mapped_ledger_of(int pid) {
  const auto maps = os::read_file("/proc/" + std::to_string(pid) + "/maps");
  return maps ? ledger_in(*maps) : std::string();
}

ProcessClaims claims_of(int pid) {
  ProcessClaims claims;
  if (const auto maps = os::read_file("/proc/" + std::to_string(pid) + "/maps")) {
    claims.has_library = maps->find("/libmelon.so") != std::string::npos;
    claims.ledger_of = ledger_in(*maps);
  }
  claims.grant_folder = grant_folder_of(pid);
  if (const auto stat = os::process_stat(pid)) claims.parent = stat->parent;
  return claims;
}

std::vector<DeviceUser> judge_device_users(std::span<const devlib::DeviceProcess> processes,
                                           const Workloads& workloads,
                                           const std::function<ProcessClaims(int)>& claims,
                                           Newcomers& newcomers) {
  std::vector<DeviceUser> users;
  for (const devlib::DeviceProcess& seen : processes)
    if (seen.process.pid != ::getpid()) users.push_back(judge(seen, workloads, claims, newcomers));
  std::erase_if(newcomers, [&users](const auto& entry) {
    return std::ranges::find(users, entry.first, [](const DeviceUser& user) {
             return user.seen.process;
           }) == users.end();
  });
  return users;
}

}  // namespace melon::agent

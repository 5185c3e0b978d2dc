// SPDX-License-Identifier: Apache-2.0
// Whom a grant lives for: those inside it, and who waits for one.
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "agent/descendants.h"
#include "agent/device_users.h"
#include "agent/workloads.h"
#include "os/process_files.h"

namespace melon::agent {

using core::Grant;
using core::State;

namespace {

/// Looking for descendants may take this part of the thread's time.
constexpr std::int64_t kDescentPart = 5;
/// Who is in which namespace is read from all of /proc, so it is believed for a second.
constexpr std::int64_t kContainedNs = 1'000'000'000;

}  // namespace

void Workloads::enter(const Grant& grant, core::ProcessId process) {
  Tracked& known = tracked(grant.id);
  known.users.insert(grant.owner);
  if (!parts_.watch.watch(process)) return;
  known.registered.insert(process);
  if (const auto user = os::process_user(process.pid)) known.users.insert(*user);
}

bool Workloads::is_inside(const Grant& grant, Tracked& known, core::ProcessId process) {
  if (os::process_user(process.pid) == grant.owner) return true;
  // A service that dropped its rights keeps the ledger that it opened before; a pid that was only
  // written there has never had it.
  const auto found = known.foreign.find(process);
  if (found != known.foreign.end()) return found->second;
  if (known.foreign.size() >= std::size_t{2} * abi::kMaxProcesses) known.foreign.clear();
  return known.foreign[process] = mapped_ledger_of(process.pid) == grant.id;
}

Workloads::Descendants Workloads::find_descendants(const Grant& grant, Tracked& known) {
  const std::int64_t start = parts_.clock.steady_ns();
  if (start < descent_after_ns_) return Descendants::kNotNow;
  const bool told = !grant.processes.empty();  // none of its processes started before the first
  follow_descendants(grant, read_processes(told ? grant.processes.front().start_ticks : 0));
  const std::int64_t end = parts_.clock.steady_ns();
  descent_after_ns_ = end + (end - start) * kDescentPart;
  if (known.descendants.empty()) return Descendants::kNone;
  known.without_process_since_ns = end;
  return Descendants::kFound;
}

void Workloads::follow_descendants(const Grant& grant, const ProcessTree& processes) {
  Tracked& known = tracked(grant.id);
  known.users.insert(grant.owner);
  const std::vector<core::ProcessId> live = live_processes(grant);
  const Descent descent{.grant_folder = parts_.folder.grant_folder(grant.id).string(),
                        .users = known.users,
                        .known = live};
  for (const core::ProcessId process : descendants_of(descent, processes)) {
    const bool followed = known.registered.contains(process) || known.descendants.contains(process);
    if (!followed && parts_.watch.watch(process)) known.descendants.insert(process);
  }
}

void Workloads::follow_waiter(const Grant& grant) {
  if (grant.state != State::kQueued || !grant.waiter) return;
  if (!parts_.watch.watch(*grant.waiter)) withdraw_requests_of(*grant.waiter);
}

void Workloads::withdraw_requests_of(core::ProcessId waiter) {
  std::vector<std::string> withdrawn;
  for (const Grant* const grant : book_.waited_for())
    if (grant->waiter == waiter) withdrawn.push_back(grant->id);
  for (const std::string& id : withdrawn)
    end(id, State::kFailed, "the process that waited for it is gone");
  if (!withdrawn.empty()) serve_queue();
}

core::ProcessId Workloads::seen_from_here(const LedgerSample::Process& process) {
  static const std::uint64_t kOwn = os::pid_namespace(::getpid());
  if (process.pid_namespace == 0 || process.pid_namespace == kOwn) return process.id;
  const auto is_it = [&process](const os::NamespacedProcess& other) {
    return other.pid_namespace == process.pid_namespace && other.inner_pid == process.id.pid &&
           identify(other.pid) == core::ProcessId{other.pid, process.id.start_ticks};
  };
  auto found = std::ranges::find_if(contained_, is_it);
  const std::int64_t now = parts_.clock.steady_ns();
  if (found == contained_.end() && (!contained_ns_ || now - *contained_ns_ >= kContainedNs)) {
    contained_ = os::processes_of_other_namespaces();
    contained_ns_ = now;
    found = std::ranges::find_if(contained_, is_it);
  }
  if (found == contained_.end()) return {};
  return {.pid = found->pid, .start_ticks = process.id.start_ticks};
}

std::vector<core::ProcessId> Workloads::live_processes(const Grant& grant) const {
  const auto found = tracked_.find(grant.id);
  if (found == tracked_.end()) return {};
  std::vector<core::ProcessId> live;
  for (const core::ProcessId process : found->second.registered)
    if (identify(process.pid) == process) live.push_back(process);
  for (const auto& others : {std::vector<core::ProcessId>(found->second.descendants.begin(),
                                                          found->second.descendants.end()),
                             found->second.in_ledger})
    for (const core::ProcessId process : others)
      if (identify(process.pid) == process) live.push_back(process);
  std::ranges::sort(live);
  live.erase(std::unique(live.begin(), live.end()), live.end());  // clang 14 has no ranges for it
  return live;
}

const Grant* Workloads::grant_of(core::ProcessId process) const {
  for (const auto& [id, known] : tracked_)
    if (known.registered.contains(process) || known.descendants.contains(process) ||
        std::ranges::find(known.in_ledger, process) != known.in_ledger.end())
      return book_.at(id);
  return nullptr;
}

const Grant* Workloads::ledger_grant_of(core::ProcessId process) const {
  for (const auto& [id, known] : tracked_)
    if (std::ranges::find(known.in_ledger, process) != known.in_ledger.end()) return book_.at(id);
  return nullptr;
}

const Grant* Workloads::grant_in(const std::string& folder) const {
  const std::filesystem::path path = folder;
  const std::string id = path.filename().string();
  const bool ours = tracked_.contains(id) && parts_.folder.grant_folder(id) == path;
  return ours ? book_.at(id) : nullptr;
}

bool Workloads::keeps_folder(const std::filesystem::path& folder) const {
  return parts_.folder.grant_folder(folder.filename().string()) == folder;
}

}  // namespace melon::agent

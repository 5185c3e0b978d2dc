// SPDX-License-Identifier: Apache-2.0
// What happens to grants by themselves: adopted, looked at, ended, forgotten.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "agent/device_users.h"
#include "agent/workloads.h"
#include "os/process_files.h"

namespace melon::agent {

using core::Grant;
using core::State;

namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
/// The CLI tells how a program ended a moment after the kernel does; so long nobody is lost.
constexpr std::int64_t kExitReportNs = 2 * kNsPerSecond;
constexpr int kLimitGraceSeconds = 10;
constexpr const char* kStopped = "stopped as asked";
/// Looking for those who live in unknown grants reads all of /proc.
constexpr std::int64_t kStrangersNs = 5 * kNsPerSecond;
/// So often is a grant without a process looked at, less a tick's lateness: what is written into
/// its ledger is still found within two seconds.
constexpr std::int64_t kQuietNs = 1'400'000'000;

}  // namespace

Result<> Workloads::adopt() {
  MELON_TRY(const std::vector<Grant> stored, parts_.store.grants());
  std::vector<std::string> ids;
  for (const Grant& grant : stored) {
    book_.restore(grant);
    ids.push_back(grant.id);
  }
  for (std::string& id : parts_.folder.strangers(ids)) strangers_.insert(std::move(id));
  remove_empty_strangers();
  for (const std::string& id : ids) {
    const Grant& grant = *book_.at(id);
    if (!core::holds_slices(grant.state)) continue;
    adopt_age(grant);
    start_following(id);
    for (const core::ProcessId process : grant.processes) enter(grant, process);
    MELON_RETURN_IF_ERROR(publish(grant));
  }
  for (const Grant* const grant : book_.waited_for()) follow_waiter(*grant);
  return {};
}

void Workloads::adopt_age(const Grant& grant) {
  if (grant.boot_id == parts_.boot_id) return;
  // Its time before this boot cannot be told from a wall clock that was set: it counts from now.
  book_.set_created(grant.id, parts_.boot_id, parts_.since_boot_ms());
  save_or_retry(grant.id);
}

void Workloads::remove_empty_strangers() {
  strangers_seen_ns_ = parts_.clock.steady_ns();
  if (strangers_.empty()) return;
  std::set<std::string> lived_in;
  for (const int pid : os::process_ids()) lived_in.insert(claims_of(pid).grant_folder);
  std::erase_if(strangers_, [&](const std::string& id) {
    if (lived_in.contains(parts_.folder.grant_folder(id).string())) return false;
    parts_.folder.remove_grant(id);
    return true;
  });
}

void Workloads::set_devices(std::vector<core::Device> devices) {
  book_.set_devices(std::move(devices));
  serve_queue();
}

void Workloads::process_gone(core::ProcessId process) {
  withdraw_requests_of(process);
  for (auto& [id, known] : tracked_) {
    if (known.registered.erase(process) + known.descendants.erase(process) == 0) continue;
    const Grant& grant = *book_.at(id);
    const bool changed = book_.remove_process(id, process);
    known.without_process_since_ns = parts_.clock.steady_ns();
    settle(grant);
    if (changed && !core::is_over(grant.state)) save_or_retry(grant.id);  // an end is saved with it
    serve_queue();
    return;
  }
}

void Workloads::tick() {
  owner_names_.clear();
  std::vector<std::string> ids;  // ending a grant changes the map
  for (const auto& [id, known] : tracked_)
    if (!is_quiet(id, known)) ids.push_back(id);
  for (const std::string& id : ids) {
    const Grant* const grant = book_.at(id);
    if (grant == nullptr || !tracked_.contains(id)) continue;
    tracked(id).looked_at_ns = parts_.clock.steady_ns();
    sample(*grant, tracked(id));
    continue_stop(*grant, tracked(id));
    enforce_age(*grant, tracked(id));
    settle(*grant);
  }
  judge_claims();
  const std::set<std::string> retry = unsaved_;
  for (const std::string& id : retry) {
    const Grant* const grant = book_.at(id);
    if (grant == nullptr || save(*grant)) unsaved_.erase(id);
  }
  forget_finished();
  if (parts_.clock.steady_ns() - strangers_seen_ns_ >= kStrangersNs) remove_empty_strangers();
  serve_queue();
  save_events();
}

/// Nobody uses a grant without a process, and there may be a thousand of them.
bool Workloads::is_quiet(const std::string& id, const Tracked& known) const {
  const std::int64_t now = parts_.clock.steady_ns();
  const bool busy = claims_.claims(id, now) || !known.registered.empty() ||
                    !known.descendants.empty() || !known.in_ledger.empty() || known.kill_at_ns ||
                    !known.shown_flags.empty();
  return !busy && known.looked_at_ns && parts_.clock.steady_ns() - *known.looked_at_ns < kQuietNs;
}

void Workloads::save_events() {
  store::Change change{.events = parts_.events.unsaved()};
  if (!change.events.empty() && parts_.store.apply(change)) parts_.events.mark_saved();
}

void Workloads::continue_stop(const Grant& grant, Tracked& known) {
  if (!known.kill_at_ns || parts_.clock.steady_ns() < *known.kill_at_ns) return;
  if (live_processes(grant).empty()) return;  // settle() looks for more
  find_descendants(grant, known);             // it may have started more since it was asked
  signal_all(grant, SIGKILL);
}

void Workloads::enforce_age(const Grant& grant, Tracked& known) {
  if (known.kill_at_ns) return;
  const config::UserLimits limits = parts_.config.limits_of(grant.owner);
  const std::int64_t age_seconds = (parts_.since_boot_ms() - grant.created_boot_ms) / 1000;
  const std::int64_t idle_seconds = (parts_.clock.steady_ns() - known.last_work_ns) / kNsPerSecond;
  const bool too_old = limits.age && age_seconds > limits.age->count();
  const bool too_idle = limits.idle && idle_seconds > limits.idle->count();
  if (!too_old && !too_idle) return;
  known.over_limit = too_old ? "older than its owner's limit allows"
                             : "idle for longer than its owner's limit allows";
  told(grant, "grant_over_limit", known.over_limit);
  if (!begin_stop(grant, {.grace_seconds = kLimitGraceSeconds, .force = false}, read_processes()))
    end(grant.id, State::kExited, known.over_limit);
}

void Workloads::settle(const Grant& grant) {
  const auto found = tracked_.find(grant.id);
  if (found == tracked_.end()) return;
  if (!live_processes(grant).empty()) {
    found->second.without_process_since_ns = parts_.clock.steady_ns();
    return;
  }
  settle_without_process(grant, found->second);
}

void Workloads::settle_without_process(const Grant& grant, Tracked& known) {
  const std::int64_t now = parts_.clock.steady_ns();
  const auto code = grant.exit_code ? grant.exit_code : parts_.folder.read_exit_code(grant.id);
  if (!grant.processes.empty()) {
    if (!code && now - known.without_process_since_ns < kExitReportNs) return;
    if (find_descendants(grant, known) != Descendants::kNone) return;
    if (code) return end_with_code(grant, known, *code);
    return end_unseen(grant, known);
  }
  if (known.stop_asked && find_descendants(grant, known) == Descendants::kNone)
    return end(grant.id, State::kExited, kStopped);
  // Programs may be so short that only their work is seen.
  const std::int64_t used_ns = std::max(known.without_process_since_ns, known.last_work_ns);
  if (now - used_ns < grant.keep_seconds * kNsPerSecond) return;
  if (grant.state == State::kReserved)
    return end(grant.id, State::kFailed,
               fmt::format("no process started within {} s", grant.keep_seconds));
  if (find_descendants(grant, known) == Descendants::kNone)
    end(grant.id, State::kExited, fmt::format("no process for {} s", grant.keep_seconds));
}

void Workloads::end_unseen(const Grant& grant, const Tracked& known) {
  if (known.stop_asked) return end(grant.id, State::kExited, kStopped);
  if (!known.over_limit.empty()) return end(grant.id, State::kFailed, known.over_limit);
  end(grant.id, State::kLost, "its processes are gone and nobody saw how they ended");
}

void Workloads::end_with_code(const Grant& grant, const Tracked& known, int code) {
  constexpr int kSignalBase = 128;
  book_.set_exit_code(grant.id, code);
  if (code == 0) return end(grant.id, State::kExited, "");
  if (known.stop_asked) return end(grant.id, State::kExited, kStopped);
  if (code > kSignalBase && !known.over_limit.empty())
    return end(grant.id, State::kFailed, known.over_limit);
  end(grant.id, State::kFailed,
      code > kSignalBase ? fmt::format("ended by signal {}", code - kSignalBase)
                         : fmt::format("exit status {}", code));
}

}  // namespace melon::agent

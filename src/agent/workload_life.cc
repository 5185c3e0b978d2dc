// SPDX-License-Identifier: Apache-2.0
// What happens to grants by themselves: adopted, sampled, ended, forgotten.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include "agent/device_users.h"
#include "agent/workloads.h"
#include "core/names.h"
#include "os/process_files.h"

namespace melon::agent {

using core::Grant;
using core::State;

namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::uint64_t kGranulesPerMiB = (1U << 20) / abi::kGranule;
/// The CLI tells how a program ended a moment after the kernel does; so long nobody is lost.
constexpr std::int64_t kExitReportNs = 2 * kNsPerSecond;
/// Rates are over at least this long; shorter ones show the bucket's steps, not the use.
constexpr std::int64_t kRateNs = kNsPerSecond;
constexpr int kLimitGraceSeconds = 10;
constexpr const char* kStopped = "stopped as asked";
/// Looking for those who live in unknown grants reads all of /proc.
constexpr std::int64_t kStrangersNs = 5 * kNsPerSecond;
/// So often is a grant without a process looked at, less a tick's lateness: what is written into
/// its ledger is still found within two seconds.
constexpr std::int64_t kQuietNs = 1'400'000'000;

MiB to_mib(std::uint64_t granules) {  // rounded up: what is shown is never less than what is held
  return MiB(static_cast<std::int64_t>((granules + kGranulesPerMiB - 1) / kGranulesPerMiB));
}

Permille rate(std::uint64_t before, std::uint64_t now, std::int64_t elapsed_ns) {
  constexpr std::int64_t kMost = 1000;
  if (now <= before || elapsed_ns <= 0) return Permille(0);
  const std::uint64_t part =
      (now - before) / static_cast<std::uint64_t>(std::max<std::int64_t>(1, elapsed_ns / kMost));
  return Permille(std::min<std::int64_t>(kMost, static_cast<std::int64_t>(part)));
}

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

void Workloads::find_ledger_processes(const Grant& grant, Tracked& known) {
  known.in_ledger.clear();
  known.process_use.clear();
  for (const LedgerSample::Process& process : known.sample.processes) {
    const core::ProcessId id = seen_from_here(process);
    if (id.pid == 0 || identify(id.pid) != id || !is_inside(grant, known, id)) continue;
    known.in_ledger.push_back(id);
    if (known.process_use.size() >= kMostProcessesShown || known.sample.broken) continue;
    ProcessUse use{.slot = process.slot};
    std::ranges::transform(process.used_granules, std::back_inserter(use.memory), to_mib);
    known.process_use.push_back(std::move(use));
  }
}

void Workloads::sample(const Grant& grant, Tracked& known) {
  LedgerSample next = sample_ledger(parts_.folder.ledger_path(grant.id).string(),
                                    static_cast<unsigned>(grant.slices.size()));
  if (!next.busy) take_sample(grant, known, std::move(next));  // else what was read last stays
  look_at_claims(grant, known);
  std::vector<EventKind> shown = flags(grant, known);
  if (shown == known.shown_flags) return;
  for (const EventKind flag : shown)
    if (std::ranges::find(known.shown_flags, flag) == known.shown_flags.end())
      parts_.events.add(parts_.clock.unix_ms(), flag, grant.name, flag_message(grant, known, flag));
  known.shown_flags = std::move(shown);
  parts_.feed.changed(grant.id);
}

std::string Workloads::flag_message(const Grant& grant, const Tracked& known,
                                    EventKind flag) const {
  if (flag == EventKind("ledger_broken")) return known.sample.breach;
  return flag == EventKind("false_claims") ? claims_.reason(grant.id) : "";
}

void Workloads::take_sample(const Grant& grant, Tracked& known, LedgerSample next) {
  const LedgerSample before = std::exchange(known.sample, std::move(next));
  find_ledger_processes(grant, known);
  if ((!known.in_ledger.empty() || known.sample.was_used) && grant.state == State::kReserved) {
    book_.mark_running(grant.id);
    save_or_retry(grant.id);
    told(grant, "process_started", "seen in its ledger");
  }
  measure(grant, known, before);
}

void Workloads::measure(const Grant& grant, Tracked& known, const LedgerSample& before) {
  if (known.sample.broken) {
    known.use.assign(grant.slices.size(), {});
    known.sampled_ns.reset();
    return;
  }
  known.use.resize(grant.slices.size());
  const std::int64_t now = parts_.clock.steady_ns();
  const bool rated = known.sampled_ns && now - *known.sampled_ns >= kRateNs;
  const bool keeps = known.sampled_ns && !rated;
  for (std::size_t i = 0; i < known.sample.devices.size(); ++i) {
    const LedgerSample::Device& device = known.sample.devices[i];
    known.use[i].memory = to_mib(device.used_granules);
    if (rated && i < known.rated_from.size()) {
      const std::int64_t elapsed = now - *known.sampled_ns;
      known.use[i].compute = rate(known.rated_from[i].consumed_ns, device.consumed_ns, elapsed);
      known.use[i].throttled = rate(known.rated_from[i].throttled_ns, device.throttled_ns, elapsed);
    }
    const bool worked = i >= before.devices.size() ||
                        before.devices[i].launches != device.launches ||
                        before.devices[i].consumed_ns != device.consumed_ns;
    if (worked) known.last_work_ns = now;
  }
  if (keeps) return;
  known.rated_from = known.sample.devices;
  known.sampled_ns = now;
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

std::vector<EventKind> Workloads::flags(const Grant& grant, const Tracked& known) const {
  constexpr EventKind kBroken = "ledger_broken";
  constexpr EventKind kOverLimit = "over_limit";
  constexpr EventKind kFalseClaims = "false_claims";
  constexpr EventKind kEscaped = "unmanaged_process";
  constexpr EventKind kStopping = "stopping";
  std::vector<EventKind> kinds = flag_kinds(known.sample.flags);
  if (known.sample.broken) kinds.push_back(kBroken);
  for (std::size_t i = 0; i < grant.slices.size() && i < known.use.size(); ++i)
    if (known.use[i].memory && *known.use[i].memory > grant.slices[i].memory) {
      kinds.push_back(kOverLimit);
      break;
    }
  if (!claims_.reason(grant.id).empty()) kinds.push_back(kFalseClaims);
  if (known.escaped) kinds.push_back(kEscaped);
  if (known.kill_at_ns) kinds.push_back(kStopping);
  return kinds;
}

const std::string& Workloads::owner_name(std::uint32_t uid) const {
  const auto known = owner_names_.find(uid);
  if (known != owner_names_.end()) return known->second;
  return owner_names_.emplace(uid, user_name(uid)).first->second;
}

GrantView Workloads::view(const Grant& grant, const Caller& caller) const {
  GrantView view{.grant = &grant, .owner = owner_name(grant.owner)};
  const auto found = tracked_.find(grant.id);
  if (found != tracked_.end()) {
    view.use = found->second.use;
    view.processes = found->second.process_use;
    for (const EventKind flag : flags(grant, found->second)) view.flags.emplace_back(flag.code());
  }
  view.show_private = caller.owns(grant.owner);
  if (!view.show_private) return view;
  for (const core::ProcessId process : live_processes(grant)) view.pids.push_back(process.pid);
  if (grant.state != State::kQueued) view.folder = parts_.folder.grant_folder(grant.id).string();
  return view;
}

MiB Workloads::used_memory(const std::string& device_id) const {
  MiB sum;
  for (const auto& [id, known] : tracked_) {
    const std::vector<core::Slice>& slices = book_.at(id)->slices;
    for (std::size_t i = 0; i < std::min(slices.size(), known.use.size()); ++i)
      if (slices[i].device == device_id) sum += known.use[i].memory.value_or(MiB(0));
  }
  return sum;
}

void Workloads::set_escaped(const std::set<std::string>& grant_ids) {
  for (auto& [id, known] : tracked_) known.escaped = grant_ids.contains(id);
}

bool Workloads::keeps_private_ledger(const Grant& grant) const {
  const auto found = tracked_.find(grant.id);
  return found != tracked_.end() && (found->second.sample.flags & abi::kFlagPrivateLedger) != 0;
}

std::vector<std::string> Workloads::private_ledgers() const {
  std::vector<std::string> names;
  for (const auto& [id, known] : tracked_)
    if ((known.sample.flags & abi::kFlagPrivateLedger) != 0) names.push_back(book_.at(id)->name);
  return names;
}

}  // namespace melon::agent

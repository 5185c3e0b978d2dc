// SPDX-License-Identifier: Apache-2.0
// What callers ask of grants: created, changed, released, stopped; stored before it is told.
#include "agent/workloads.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "agent/event_text.h"
#include "agent/user_limits.h"
#include "base/id.h"
#include "base/time_text.h"
#include "core/names.h"
#include "os/process_files.h"
#include "shim/abi/region.h"

namespace melon::agent {

using core::Grant;
using core::State;

namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr const char* kStoppedIdle = "stopped before a process ran";

/// Root is bound by nobody's.
config::UserLimits limits_for(const config::DaemonConfig& config, std::uint32_t owner,
                              std::uint32_t caller_uid) {
  return caller_uid == 0 ? config::UserLimits{} : config.limits_of(owner);
}

/// The grant in the book with other limits, as far as there is room and whoever changes it may.
/// After an error or a refusal the book may have changed; the caller restores it.
Result<Admission> change_limits(GrantBook& book, const config::UserLimits& allowed,
                                const Grant& grant, const GrantChange& limits) {
  const Grant before = grant;
  auto changed = book.change(grant.id, limits);
  if (!changed || std::holds_alternative<placement::Refusal>(*changed)) return changed;
  MELON_RETURN_IF_ERROR(check_user_limits(
      allowed, book,
      {.owner = grant.owner, .request = grant.request, .slices = grant.slices, .before = &before}));
  return changed;
}

}  // namespace

Workloads::Workloads(WorkloadParts parts)
    : parts_(std::move(parts)),
      book_({.memory = parts_.config.overcommit_memory,
             .compute = parts_.config.overcommit_compute,
             .grants = abi::kMaxTenants}),
      random_(std::random_device{}()) {}

void Workloads::told(const Grant& grant, EventKind kind, std::string message) {
  parts_.events.add(parts_.clock.unix_ms(), kind, grant.name, std::move(message));
  parts_.feed.changed(grant.id);
}

Result<> Workloads::save(const Grant& grant) {
  MELON_RETURN_IF_ERROR(parts_.store.apply({.put = {grant}}));
  unsaved_.erase(grant.id);
  return {};
}

void Workloads::save_or_retry(const std::string& id) {
  const Grant* const grant = book_.at(id);
  if (grant != nullptr && !save(*grant)) unsaved_.insert(id);
}

Result<> Workloads::publish(const Grant& grant) {
  MELON_RETURN_IF_ERROR(parts_.folder.write_grant(grant, book_.devices()));
  const Grant* const changed = &grant;
  publish_sharers({&changed, 1});
  return {};
}

void Workloads::publish_sharers(std::span<const Grant* const> grants) {
  std::map<std::string, const Grant*> touched;  // by device: the last of the grants on it
  for (const Grant* const grant : grants)
    for (const core::Slice& slice : grant->slices) touched[slice.device] = grant;
  for (const auto& [id, grant] : touched)
    if (const core::Device* const device = book_.find_device(id))
      if (const auto written = parts_.folder.write_sharers(*device, sharers_of(id)); !written)
        parts_.events.add(parts_.clock.unix_ms(), "files_failed", grant->name,
                          written.error().message);
}

std::vector<const Grant*> Workloads::sharers_of(const std::string& device_id) const {
  std::vector<const Grant*> sharers;
  for (const Grant* const grant : book_.grants())
    if (core::holds_slices(grant->state) && !claims_.is_left_out(grant->id, device_id))
      sharers.push_back(grant);
  return sharers;
}

Result<> Workloads::commit_new(const Grant& grant) {
  MELON_RETURN_IF_ERROR(save(grant));
  if (!core::holds_slices(grant.state)) return {};
  if (auto published = publish(grant); !published) {
    parts_.folder.remove_grant(grant.id);
    (void)parts_.store.apply({.remove = {grant.id}})
        .has_value();  // at worst it is found ended later
    return published;
  }
  start_following(grant.id);
  return {};
}

void Workloads::start_following(const std::string& id) {
  tracked(id).without_process_since_ns = parts_.clock.steady_ns();
  tracked(id).last_work_ns = parts_.clock.steady_ns();
}

Result<> Workloads::check_accepting() const {
  if (!stopping_all_) return {};
  return fail(Code::kUnavailable, "the daemon is ending every program and takes no new one",
              "start it again when it has ended: melon up --detach");
}

Result<> Workloads::check_new(const NewGrant& wanted) const {
  MELON_RETURN_IF_ERROR(check_accepting());
  MELON_RETURN_IF_ERROR(core::check_request(wanted.request));
  if (!wanted.request.device.empty() && !book_.knows_device(wanted.request.device)) {
    std::vector<std::string> ids;
    for (const core::Device& device : book_.devices()) ids.push_back(device.id);
    return fail(Code::kNotFound,
                fmt::format("there is no device '{}'; there are: {}", wanted.request.device,
                            fmt::join(ids, ", ")),
                "name one of them, or none for any: melon devices");
  }
  return check_user_limits(
      parts_.config.limits_of(wanted.owner), book_,
      {.owner = wanted.owner, .request = wanted.request, .slices = {}, .before = nullptr});
}

NewGrant Workloads::completed(NewGrant wanted) const {
  lower_defaults(wanted, parts_.config.limits_of(wanted.owner));
  if (wanted.keep_seconds == 0) wanted.keep_seconds = static_cast<int>(parts_.config.keep.count());
  return wanted;
}

Result<std::variant<placement::Placement, placement::Refusal>> Workloads::plan(
    const NewGrant& wanted) const {
  MELON_RETURN_IF_ERROR(check_new(completed(wanted)));
  if (!wanted.name.empty()) MELON_RETURN_IF_ERROR(book_.check_new_name(wanted.name));
  return book_.plan(wanted.request);
}

Result<Admission> Workloads::create(const NewGrant& wanted) {
  const NewGrant complete = completed(wanted);
  MELON_RETURN_IF_ERROR(check_new(complete));
  MELON_TRY(const Admission admission,
            book_.admit(complete, make_grant_id(random_), parts_.clock.unix_ms()));
  const auto* const grant = std::get_if<const Grant*>(&admission);
  if (grant == nullptr) return admission;
  book_.set_created((*grant)->id, parts_.boot_id, parts_.since_boot_ms());
  if (auto committed = commit_new(**grant); !committed) {
    book_.forget((*grant)->id);
    return tl::unexpected<Error>(committed.error());
  }
  if ((*grant)->state == State::kQueued)
    told(**grant, "grant_queued", "waits for room");
  else
    told(**grant, "grant_reserved", slices_text(**grant));
  follow_waiter(**grant);
  return admission;
}

Result<> Workloads::publish_or_restore(const Grant& grant, const Grant& before) {
  if (!core::holds_slices(grant.state)) return {};
  auto published = publish(grant);
  if (published) return {};
  book_.restore(before);
  save_or_retry(before.id);
  return published;
}

Result<Admission> Workloads::change(const Grant& grant, const GrantChange& change,
                                    std::uint32_t caller_uid) {
  const Grant before = grant;
  const auto undo = [this, &before](const Error& error) {
    book_.restore(before);
    return tl::unexpected<Error>(error);
  };
  if (change.suspended) {
    auto switched = book_.change_suspended(grant.id, *change.suspended);
    if (!switched) return tl::unexpected<Error>(switched.error());
  }
  Admission admission(&grant);
  GrantChange limits = change;
  limits.suspended.reset();
  if (limits != GrantChange{}) {
    auto changed =
        change_limits(book_, limits_for(parts_.config, grant.owner, caller_uid), grant, limits);
    if (!changed) return undo(changed.error());
    if (std::holds_alternative<placement::Refusal>(*changed)) {
      book_.restore(before);
      return changed;
    }
  }
  if (const auto saved = save(grant); !saved) return undo(saved.error());
  if (const auto published = publish_or_restore(grant, before); !published)
    return tl::unexpected<Error>(published.error());
  if (change.suspended)
    told(grant, *change.suspended ? EventKind("grant_suspended") : EventKind("grant_resumed"), "");
  if (limits != GrantChange{}) told(grant, "grant_changed", slices_text(grant));
  serve_queue();
  return admission;
}

Result<> Workloads::release(const Grant& grant, bool force) {
  if (core::is_over(grant.state))
    return fail(Code::kFailedPrecondition, fmt::format("grant '{}' is over already", grant.name),
                "it is forgotten by itself when newer ones of its owner have ended");
  const bool alive = !live_processes(grant).empty();
  if (alive && !force)
    return fail(Code::kFailedPrecondition,
                fmt::format("grant '{}' has running processes", grant.name),
                "stop them first: melon stop " + grant.name);
  if (alive) follow_descendants(grant, read_processes());
  signal_all(grant, SIGKILL);
  end(grant.id, alive ? State::kFailed : State::kExited, alive ? "released by force" : "released");
  serve_queue();
  return {};
}

Result<> Workloads::add_process(const Grant& grant, int pid, const Caller& caller) {
  MELON_RETURN_IF_ERROR(check_accepting());
  MELON_TRY(const core::ProcessId process, process_of(caller, pid));
  if (const Grant* const other = grant_of(process); other != nullptr && other != &grant)
    return fail(Code::kFailedPrecondition,
                fmt::format("process {} runs in grant '{}'", pid, other->name),
                "a process belongs to one grant");
  const Grant before = grant;
  MELON_TRY(const Grant* const changed, book_.add_process(grant.id, process));
  if (const auto saved = save(*changed); !saved) {
    book_.restore(before);
    return tl::unexpected<Error>(saved.error());
  }
  enter(grant, process);
  told(*changed, "process_started", "registered");
  return {};
}

Result<> Workloads::report_exit(const Grant& grant, const ExitBody& exit) {
  if (std::ranges::find(grant.processes, exit.pid, &core::ProcessId::pid) == grant.processes.end())
    return fail(Code::kFailedPrecondition,
                fmt::format("process {} is not registered with grant '{}'", exit.pid, grant.name),
                "register a process before its exit, and name the grant by its id");
  if (core::is_over(grant.state)) {
    // The daemon saw the process vanish before the CLI could tell how it ended.
    if (!grant.exit_code) {
      Grant known = grant;
      known.exit_code = exit.exit_code;
      if (grant.state == State::kLost)
        known.state = exit.exit_code == 0 ? State::kExited : State::kFailed;
      book_.restore(known);
      save_or_retry(grant.id);
      parts_.feed.changed(grant.id);
    }
    return {};
  }
  book_.set_exit_code(grant.id, exit.exit_code);
  save_or_retry(grant.id);
  settle(grant);
  serve_queue();
  return {};
}

void Workloads::stop(const Grant& grant, const StopBody& how) {
  if (core::is_over(grant.state)) return;
  if (!begin_stop(grant, how, read_processes())) {
    end(grant.id, State::kExited, kStoppedIdle);
    return serve_queue();
  }
  tracked(grant.id).stop_asked = true;
}

bool Workloads::begin_stop(const Grant& grant, const StopBody& how, const ProcessTree& processes) {
  if (!core::holds_slices(grant.state)) return false;
  follow_descendants(grant, processes);
  if (live_processes(grant).empty()) return false;
  const std::int64_t grace_ns = how.force ? 0 : how.grace_seconds * kNsPerSecond;
  tracked(grant.id).kill_at_ns = parts_.clock.steady_ns() + grace_ns;
  signal_all(grant, how.force ? SIGKILL : SIGTERM);
  told(grant, "grant_stopping",
       how.force ? "killed" : fmt::format("{} s to end by itself", how.grace_seconds));
  return true;
}

void Workloads::stop_all(int grace_seconds) {
  stopping_all_ = true;
  const ProcessTree processes = read_processes();
  std::vector<Ending> idle;
  for (const Grant* const grant : book_.grants()) {
    if (core::is_over(grant->state)) continue;
    if (begin_stop(*grant, {.grace_seconds = grace_seconds, .force = false}, processes))
      tracked(grant->id).stop_asked = true;
    else
      idle.push_back({grant->id, State::kExited, kStoppedIdle});
  }
  end_all(idle);
}

void Workloads::signal_all(const Grant& grant, int signal) {
  const auto found = tracked_.find(grant.id);
  if (found == tracked_.end()) return;
  const std::set<std::uint32_t> anybody;
  std::set<std::uint32_t> users = found->second.users;
  users.insert(grant.owner);
  for (const core::ProcessId process : live_processes(grant)) {
    // What is in root's grant is root's to end, also a service that dropped its rights.
    const bool named = grant.owner == 0 || found->second.registered.contains(process);
    signal_process(process, named ? anybody : users, signal);
  }
}

void Workloads::end(const std::string& id, State state, const std::string& reason) {
  const Ending ending{id, state, reason};
  end_all({&ending, 1});
}

void Workloads::end_all(std::span<const Ending> endings) {
  std::vector<const Grant*> ended;
  store::Change change;
  for (const Ending& ending : endings) {
    const Grant* const grant = book_.at(ending.id);
    if (grant == nullptr || core::is_over(grant->state)) continue;
    book_.end(ending.id, ending.state, ending.reason, parts_.clock.unix_ms());
    ended.push_back(grant);
    change.put.push_back(*grant);
  }
  if (ended.empty()) return;
  const bool saved = parts_.store.apply(change).has_value();
  for (const Grant* const grant : ended) {
    if (saved)
      unsaved_.erase(grant->id);
    else
      unsaved_.insert(grant->id);
    parts_.folder.retire_grant(grant->id);
    tracked_.erase(grant->id);
    claims_.forget(grant->id);
    told(*grant, end_event(grant->state), end_text(*grant));
  }
  publish_sharers(ended);
}

void Workloads::forget_finished() {
  const std::vector<std::string> forgotten = book_.forget_finished(kKeptOfEachOwner, kKeptFinished);
  if (forgotten.empty()) return;
  for (const std::string& id : forgotten) {
    parts_.folder.remove_grant(id);
    unsaved_.erase(id);
  }
  // Refused, the next start finds them over and forgets them.
  (void)parts_.store.apply({.remove = forgotten}).has_value();
}

void Workloads::serve_queue() {
  if (stopping_all_) return;
  for (const std::string& id : book_.serve_queue(parts_.clock.unix_ms())) {
    const Grant& grant = *book_.at(id);
    save_or_retry(id);
    if (!core::holds_slices(grant.state)) {
      told(grant, "grant_failed", grant.reason);
      continue;
    }
    if (const auto published = publish(grant); !published) {
      end(id, State::kFailed, published.error().message);
      continue;
    }
    start_following(id);
    told(grant, "grant_reserved", slices_text(grant));
  }
}

bool Workloads::any_running() const {
  return std::ranges::any_of(book_.grants(), [this](const Grant* grant) {
    return core::holds_slices(grant->state) && !live_processes(*grant).empty();
  });
}

}  // namespace melon::agent

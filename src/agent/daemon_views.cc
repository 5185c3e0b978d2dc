// SPDX-License-Identifier: Apache-2.0
// What the daemon shows of itself, its devices and who is on them.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "agent/daemon_state.h"
#include "agent/metrics.h"
#include "agent/start_note.h"
#include "base/shell_word.h"
#include "core/names.h"
#include "os/process_files.h"

namespace melon::agent {
namespace {

// Pid and command are its owner's and root's to know.
UnmanagedProcess unmanaged_as_seen_by(const Caller& caller, const DeviceUser& user) {
  UnmanagedProcess process{.user = user_name(user.seen.user), .memory = user.seen.memory};
  if (user.grant != nullptr) process.grant = user.grant->name;
  if (!caller.owns(user.seen.user)) return process;
  process.pid = user.seen.process.pid;
  process.command = user.seen.command;
  process.foreign_grant = user.foreign_grant;
  return process;
}

Asker asker_of(const Caller& caller) {
  if (caller.is_root()) return Asker::kRoot;
  return caller.may_administer() ? Asker::kDaemonUser : Asker::kOther;
}

}  // namespace

ApiSources Daemon::sources() {
  return {.devices = [this] { return device_views(); },
          .vendors =
              [this] {
                std::vector<std::string> texts;
                for (const vendors::Descriptor& vendor : vendors_) texts.push_back(to_json(vendor));
                return texts;
              },
          .vendor = [this](const std::string& id) -> std::optional<std::string> {
            const vendors::Descriptor* const vendor = vendors::find(vendors_, id);
            if (vendor == nullptr) return std::nullopt;
            return to_json(*vendor);
          },
          .processes = [this](const Caller& caller) { return process_views(caller); },
          .findings = [this](const Caller& caller) { return findings(caller); },
          .metrics = [this] { return metrics(); },
          .version = [this] { return version(); },
          .health = [this] { return health(); },
          .shutdown =
              [this](bool stop_all) {
                // Afterwards, so that the caller gets his answer.
                server_->post([this, stop_all] { end(stop_all); });
              }};
}

namespace {

/// Where a library does not tell, what the ledgers say is what tenants use.
std::optional<MiB> used_memory_of(const core::Device& device, const devlib::Sample& sample,
                                  const Workloads& workloads) {
  if (sample.used_memory || device.enforcement != core::Enforcement::kShim)
    return sample.used_memory;
  return workloads.used_memory(device.id);
}

}  // namespace

std::map<std::string, UnmanagedUse> Daemon::unmanaged_use() const {
  std::map<std::string, UnmanagedUse> by_device;
  for (const DeviceUser& user : device_users_)
    if (!user.managed) by_device[roster_->device_of(user.seen)].add(user.seen.memory);
  return by_device;
}

std::vector<DeviceView> Daemon::device_views() const {
  const std::map<std::string, UnmanagedUse> unmanaged = unmanaged_use();
  std::vector<DeviceView> views;
  for (placement::DeviceState& state : workloads_->book().device_states()) {
    const devlib::Sample& sample = roster_->sample_of(state.device.id);
    const std::optional<MiB> used_memory = used_memory_of(state.device, sample, *workloads_);
    const auto theirs = unmanaged.find(state.device.id);
    views.push_back(
        {.state = std::move(state),
         .limits = {.memory = config_.overcommit_memory, .compute = config_.overcommit_compute},
         .used_memory = used_memory,
         .utilization = sample.utilization,
         .unmanaged = theirs == unmanaged.end() ? UnmanagedUse{} : theirs->second});
  }
  for (const core::Grant* const grant : workloads_->book().grants()) {
    if (!core::holds_slices(grant->state)) continue;
    for (const core::Slice& slice : grant->slices)
      for (DeviceView& view : views)
        if (view.state.device.id == slice.device) view.grants.push_back(grant->name);
  }
  return views;
}

std::vector<ProcessView> Daemon::process_views(const Caller& caller) const {
  std::vector<ProcessView> views;
  std::set<core::ProcessId> seen;
  const auto show = [&](core::ProcessId process, std::uint32_t user, const std::string& command) {
    ProcessView view{.user = user_name(user)};
    if (caller.owns(user)) {
      view.pid = process.pid;
      view.command = command;
    }
    seen.insert(process);
    return view;
  };
  for (const DeviceUser& user : device_users_) {
    ProcessView view = show(user.seen.process, user.seen.user, user.seen.command);
    view.device = roster_->device_of(user.seen);
    view.grant = user.grant == nullptr ? "" : user.grant->name;
    view.managed = user.managed;
    view.memory = user.seen.memory;
    views.push_back(std::move(view));
  }
  for (const core::Grant* const grant : workloads_->book().grants()) {
    if (!core::holds_slices(grant->state)) continue;
    for (const core::ProcessId process : workloads_->live_processes(*grant)) {
      if (seen.contains(process)) continue;
      ProcessView view = show(process, grant->owner, os::process_command(process.pid));
      view.grant = grant->name;
      view.managed = true;
      views.push_back(std::move(view));
    }
  }
  return views;
}

std::string Daemon::restart_command() const {
  // The service manager's daemon stays the service manager's.
  const StartNote note = start_note_of(options_, places_);
  if (!note.unit.empty()) return fmt::format("systemctl restart {}", shell_word(note.unit));
  return fmt::format("melon down --socket {} && {}", shell_word(places_.socket),
                     start_command(note));
}

std::int64_t Daemon::looking_seconds() const {
  constexpr std::int64_t kNsPerSecond = 1'000'000'000;
  return look_began_ns_ ? (clock_.steady_ns() - *look_began_ns_) / kNsPerSecond : 0;
}

std::vector<core::Finding> Daemon::findings(const Caller& caller) const {
  Circumstances facts{.discovery = roster_->faults(),
                      .devices = roster_->devices(),
                      .preload_library = library_,
                      .preload_candidates = library_candidates_,
                      .broken_ledgers = workloads_->broken_ledgers(),
                      .false_claims = workloads_->false_claims(),
                      .private_ledgers = workloads_->private_ledgers(),
                      .unsaved_changes = workloads_->unsaved(),
                      .state_folder = places_.state_folder,
                      .state_free_bytes = folder_->free_bytes(),
                      .clock_behind_ms = clock_behind_ms_,
                      .is_root = ::geteuid() == 0,
                      .asker = asker_of(caller),
                      .held_by = roster_->holders(),
                      .lock_remedies = roster_->lock_remedies(),
                      .looking_seconds = looking_seconds(),
                      .config_file = config_file(options_, real_surroundings()),
                      .ignores_devices = !config_.ignored_devices.empty(),
                      .restart_command = restart_command()};
  for (const DeviceUser& user : device_users_)
    if (!user.managed) facts.unmanaged.push_back(unmanaged_as_seen_by(caller, user));
  for (const core::Grant* const grant : workloads_->book().grants()) {
    if (!core::holds_slices(grant->state)) continue;
    if (!caller.owns(grant->owner)) facts.others_grants.insert(grant->name);
    for (const core::Slice& slice : grant->slices)
      facts.grants_on[slice.device].push_back(grant->name);
    if (std::ranges::any_of(grant->slices, [this](const core::Slice& slice) {
          return workloads_->book().find_device(slice.device) == nullptr;
        }))
      facts.grants_without_device.push_back(grant->name);
  }
  return findings_of(facts);
}

std::string Daemon::metrics() const {
  const Caller nobody({}, ::geteuid());
  MetricFacts facts{.devices = device_views(), .findings = findings(nobody).size()};
  for (const core::Grant* const grant : workloads_->book().grants()) {
    ++facts.states[std::string(core::to_text(grant->state))];
    if (core::is_over(grant->state)) continue;
    facts.grants.push_back(workloads_->view(*grant, nobody));
    facts.processes[grant->name] = static_cast<int>(workloads_->live_processes(*grant).size());
  }
  facts.unmanaged = unmanaged_use();
  for (const core::Device& device : roster_->devices()) facts.unmanaged.try_emplace(device.id);
  return metrics_text(facts);
}

VersionView Daemon::version() const {
  return {.pid = ::getpid(),
          .user = user_name(::geteuid()),
          .state_folder = places_.state_folder,
          .preload_library = library_};
}

HealthView Daemon::health() const {
  const std::vector<const core::Grant*> grants = workloads_->book().grants();
  return {.stopping = stopping_,
          .grants = static_cast<std::size_t>(std::ranges::count_if(
              grants, [](const core::Grant* grant) { return !core::is_over(grant->state); })),
          .devices = roster_->devices().size(),
          .findings = findings(Caller({}, ::geteuid())).size()};
}

}  // namespace melon::agent

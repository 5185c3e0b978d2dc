// SPDX-License-Identifier: Apache-2.0
// Says what troubles there are.
#include "agent/findings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/quantity_text.h"
#include "base/shell_word.h"

namespace melon::agent {
namespace {

using core::Fault;

constexpr std::uint64_t kLowDiskBytes = 100U << 20;
constexpr std::int64_t kClockToleranceMs = 60'000;
constexpr std::int64_t kLongLookSeconds = 10;

/// For the asker's shell, a command that the daemon's user would type.
std::string as_typed(Asker asker, std::string command) {
  constexpr std::string_view kSudo = "sudo ";
  const bool has_sudo = command.starts_with(kSudo);
  if (asker == Asker::kRoot && has_sudo) return command.substr(kSudo.size());
  if (asker != Asker::kOther || has_sudo || command.empty()) return command;
  // Of a list, or of what goes to a file, sudo would only take the first word.
  const bool plain = command.find_first_of("&;>") == std::string::npos;
  return plain ? "sudo " + command : "sudo sh -c " + shell_word(command);
}

Fault held(const Circumstances& facts, const core::Device& device) {
  if (const auto free = facts.lock_remedies.find(device.id); free != facts.lock_remedies.end())
    return {.code = "device_lock_refused",
            .message =
                fmt::format("the lock of {} cannot be taken: {}", device.id, device.health_reason),
            .values = {{"free_lock", as_typed(facts.asker, free->second)}}};
  const auto holder = facts.held_by.find(device.id);
  const std::string end_holder = holder == facts.held_by.end() ? "" : holder->second;
  const auto here = facts.grants_on.find(device.id);
  std::string message =
      fmt::format("{} belongs to another daemon: {}", device.id, device.health_reason);
  if (here != facts.grants_on.end())
    message += fmt::format(
        "; {} of this one on it too: together they may have booked more "
        "than it has",
        fmt::join(here->second, ", "));
  return {.code = "device_held",
          .message = std::move(message),
          .values = {{"end_holder", as_typed(facts.asker, end_holder)}}};
}

void add_devices(const Circumstances& facts, std::vector<Fault>& out) {
  if (facts.devices.empty() && facts.discovery.empty())
    out.push_back({.code = "no_device", .message = "no device was found"});
  for (const core::Device& device : facts.devices) {
    if (device.health == core::Health::kHeld) out.push_back(held(facts, device));
    if (device.health == core::Health::kUnhealthy)
      out.push_back(
          {.code = "device_unhealthy",
           .message = fmt::format("{} is unhealthy: {}", device.id, device.health_reason)});
  }
}

void add_look(const Circumstances& facts, std::vector<Fault>& out) {
  if (facts.looking_seconds < kLongLookSeconds) return;
  out.push_back(
      {.code = "device_look_hangs",
       .message = fmt::format("a driver has not answered for {} s", facts.looking_seconds)});
}

// A line that makes the daemon's configuration name them.
std::string ignore_command(const Circumstances& facts, const std::string& list) {
  const std::string file = shell_word(facts.config_file);
  if (facts.ignores_devices)
    return fmt::format("sed -i 's/^ignored_devices: *\\[/&{}, /' {}", list, file);
  return fmt::format("mkdir -p \"$(dirname {1})\" && echo 'ignored_devices: [{0}]' >> {1}", list,
                     file);
}

void add_unenforced(const Circumstances& facts, std::vector<Fault>& out) {
  if (facts.preload_library.empty()) return;  // that is said of all devices at once
  std::vector<std::string> ids;
  for (const core::Device& device : facts.devices)
    if (device.enforcement == core::Enforcement::kNone) ids.push_back(device.id);
  if (ids.empty()) return;
  const std::string list = fmt::format("{}", fmt::join(ids, ", "));
  out.push_back({.code = "device_unenforced",
                 .message = fmt::format("limits on {} are kept by nobody", list),
                 .values = {{"ignore_them", as_typed(facts.asker, ignore_command(facts, list))}}});
}

void add_library(const Circumstances& facts, std::vector<Fault>& out) {
  if (!facts.preload_library.empty()) return;
  out.push_back({.code = "library_missing",
                 .message = fmt::format("libmelon.so was not found; looked at {}",
                                        fmt::join(facts.preload_candidates, ", "))});
}

std::string memory_text(const devlib::MemoryHeld& memory) {
  if (memory.on_device) return "device memory: " + to_text(*memory.on_device);
  if (memory.resident)
    return fmt::format("device memory: unknown, within the {} that it has resident",
                       to_text(*memory.resident));
  return "device memory: unknown";
}

Fault unmanaged(const UnmanagedProcess& process) {
  const std::string memory = memory_text(process.memory);
  const std::string where =
      process.grant.empty() ? "outside any grant"
                            : fmt::format("outside the limits of its grant '{}'", process.grant);
  if (process.pid == 0)
    return {.code = "unmanaged_process_of_another",
            .message =
                fmt::format("a process of {} uses a device {} ({})", process.user, where, memory),
            .values = {{"user", process.user}}};
  if (!process.foreign_grant.empty())
    return {.code = "foreign_grant",
            .message = fmt::format(
                "process {} of {} runs in another daemon's grant '{}', on a device that is "
                "this daemon's ({}): {}",
                process.pid, process.user, process.foreign_grant, memory, process.command),
            .values = {{"pid", std::to_string(process.pid)}}};
  return {.code = "unmanaged_process",
          .message = fmt::format("process {} of {} uses a device {} ({}): {}", process.pid,
                                 process.user, where, memory, process.command),
          .values = {{"pid", std::to_string(process.pid)}}};
}

void add_tenants(const Circumstances& facts, std::vector<Fault>& out) {
  for (const auto& [name, breach] : facts.broken_ledgers)
    out.push_back({.code = "ledger_broken",
                   .message = fmt::format("the ledger of grant '{}' is broken: {}", name, breach),
                   .values = {{"grant", name}}});
  for (const auto& [name, claim] : facts.false_claims)
    out.push_back(
        {.code = "false_claims",
         .message = fmt::format("grant '{}' claims what cannot be true of {}", name, claim),
         .values = {{"grant", name}}});
  for (const std::string& name : facts.private_ledgers)
    out.push_back(
        {.code = "private_ledger",
         .message = fmt::format("a process of grant '{}' cannot use the shared ledger", name),
         .values = {{"grant", name}}});
  for (const UnmanagedProcess& process : facts.unmanaged) out.push_back(unmanaged(process));
  for (const std::string& name : facts.grants_without_device)
    out.push_back(
        {.code = "device_gone",
         .message = fmt::format("grant '{}' holds a slice of a device that is gone", name),
         .values = {{"grant", name}}});
}

void add_state(const Circumstances& facts, std::vector<Fault>& out) {
  if (facts.unsaved_changes > 0)
    out.push_back({.code = "state_not_saved",
                   .message = fmt::format("{} grants cannot be stored in '{}'",
                                          facts.unsaved_changes, facts.state_folder)});
  if (facts.state_free_bytes && *facts.state_free_bytes < kLowDiskBytes)
    out.push_back({.code = "disk_low",
                   .message = fmt::format("{} MiB are free where '{}' is",
                                          *facts.state_free_bytes >> 20, facts.state_folder)});
  if (facts.clock_behind_ms > kClockToleranceMs)
    out.push_back({.code = "clock_behind",
                   .message = fmt::format("the last event is {} s in the future",
                                          facts.clock_behind_ms / 1000)});
  if (!facts.is_root)
    out.push_back({.code = "user_daemon", .message = "this daemon runs as an ordinary user"});
}

}  // namespace

std::vector<core::Finding> findings_of(const Circumstances& facts) {
  std::vector<Fault> faults = facts.discovery;
  add_devices(facts, faults);
  add_look(facts, faults);
  add_unenforced(facts, faults);
  add_library(facts, faults);
  add_tenants(facts, faults);
  add_state(facts, faults);
  std::map<std::string, std::string> values = {
      {"as_root", facts.asker == Asker::kRoot ? "" : "sudo "},
      {"as_daemon", facts.asker == Asker::kOther ? "sudo " : ""},
      {"restart", as_typed(facts.asker, facts.restart_command)},
      {"state_folder", shell_word(facts.state_folder)}};
  std::vector<core::Finding> findings;
  for (const Fault& fault : faults) {
    const auto grant = fault.values.find("grant");
    const bool others = grant != fault.values.end() && facts.others_grants.contains(grant->second);
    values["as_owner"] = others ? "sudo " : "";
    findings.push_back(core::explain(fault, values));
  }
  return findings;
}

}  // namespace melon::agent

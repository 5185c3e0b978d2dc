// SPDX-License-Identifier: Apache-2.0
// Says what each trouble means and how to mend it.
#include "agent/findings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace melon::agent {
namespace {

using Findings = std::vector<Finding>;

constexpr std::uint64_t kLowDiskBytes = 100U << 20;
constexpr std::int64_t kClockToleranceMs = 60'000;

constexpr std::array kCodes = {
    FindingCode{"no_device", "error", "nothing can be granted"},
    FindingCode{"device_held", "warning", "one daemon at a time may grant slices of a device"},
    FindingCode{"device_unhealthy", "error", "nothing new is granted on it"},
    FindingCode{"device_unenforced", "info",
                "Melon has no enforcement for this kind of device yet"},
    FindingCode{"library_missing", "error",
                "no limit can be kept; run refuses unless --unenforced"},
    FindingCode{"ledger_broken", "error",
                "its use is unknown; its own processes keep their limit each by itself, others "
                "are not affected"},
    FindingCode{"private_ledger", "warning",
                "its processes keep the limit each by itself, not together"},
    FindingCode{"unmanaged_process", "warning",
                "it takes memory and compute that grants were promised"},
    FindingCode{"device_gone", "error", "its programs cannot use that device"},
    FindingCode{"state_not_saved", "error",
                "after a restart the daemon would not know what happened to them"},
    FindingCode{"disk_low", "warning", "soon no grant can be made"},
    FindingCode{"clock_behind", "warning",
                "the machine's clock was set back; times and ages of grants are wrong"},
    FindingCode{"user_daemon", "info",
                "it protects from accidents, not from that user's own intent, and sees no "
                "other user's processes"},
};

void add(Findings& out, std::string_view code, std::string message, std::string remedy) {
  const auto row = std::ranges::find(kCodes, code, &FindingCode::code);
  out.push_back({std::string(code), std::string(row->severity), std::move(message),
                 std::string(row->meaning), std::move(remedy)});
}

void add_devices(const Circumstances& facts, Findings& out) {
  if (facts.devices.empty() && facts.discovery.empty())
    add(out, "no_device", "no device was found",
        fmt::format("apt-get install -y --reinstall pocl-opencl-icd && {}  # the CPU's; "
                    "or another device's driver",
                    facts.restart_command));
  for (const core::Device& device : facts.devices) {
    if (device.health == core::Health::kHeld)
      add(out, "device_held",
          fmt::format("{} belongs to another daemon: {}", device.id, device.health_reason),
          facts.held_remedies.contains(device.id) ? facts.held_remedies.at(device.id) : "");
    if (device.health == core::Health::kUnhealthy)
      add(out, "device_unhealthy",
          fmt::format("{} is unhealthy: {}", device.id, device.health_reason),
          "dmesg  # shows the driver's messages; it is granted again once it is well");
  }
}

void add_unenforced(const Circumstances& facts, Findings& out) {
  if (facts.preload_library.empty()) return;  // that is said of all devices at once
  std::vector<std::string> ids;
  for (const core::Device& device : facts.devices)
    if (device.enforcement == core::Enforcement::kNone) ids.push_back(device.id);
  if (ids.empty()) return;
  const std::string list = fmt::format("{}", fmt::join(ids, ", "));
  const std::string ignore =
      facts.ignores_devices
          ? fmt::format("sed -i 's/^ignored_devices: *\\[/&{}, /' {}", list, facts.config_file)
          : fmt::format("mkdir -p \"$(dirname {1})\" && echo 'ignored_devices: [{0}]' >> {1}", list,
                        facts.config_file);
  add(out, "device_unenforced", fmt::format("limits on {} are kept by nobody", list),
      fmt::format("{} && {}  # or use them with melon run --unenforced", ignore,
                  facts.restart_command));
}

void add_library(const Circumstances& facts, Findings& out) {
  if (!facts.preload_library.empty()) return;
  add(out, "library_missing",
      fmt::format("libmelon.so was not found; looked at {}",
                  fmt::join(facts.preload_candidates, ", ")),
      fmt::format("make install && {}  # in Melon's source folder", facts.restart_command));
}

void add_tenants(const Circumstances& facts, Findings& out) {
  for (const auto& [name, breach] : facts.broken_ledgers)
    add(out, "ledger_broken", fmt::format("the ledger of grant '{}' is broken: {}", name, breach),
        fmt::format("melon stop {}  # then start it again", name));
  for (const std::string& name : facts.private_ledgers)
    add(out, "private_ledger",
        fmt::format("a process of grant '{}' cannot use the shared ledger", name),
        fmt::format("melon stop {0}  # then start it where its user can write the "
                    "ledger (containers: melon env {0} --docker)",
                    name));
  for (const UnmanagedProcess& process : facts.unmanaged)
    if (process.pid == 0)
      add(out, "unmanaged_process",
          fmt::format("a process of {} uses a device outside any grant", process.user),
          fmt::format("sudo -u {} melon doctor  # or as root: names the process", process.user));
    else
      add(out, "unmanaged_process",
          fmt::format("process {} of {} uses a device outside any grant", process.pid,
                      process.user),
          fmt::format("kill {}  # then start it again with melon run", process.pid));
  for (const std::string& name : facts.grants_without_device)
    add(out, "device_gone", fmt::format("grant '{}' holds a slice of a device that is gone", name),
        fmt::format("melon stop {}  # or bring the device back, then: {}", name,
                    facts.restart_command));
}

// What Melon itself can give up there.
std::string free_space(const Circumstances& facts) {
  return fmt::format(
      "find {} -name 'output.log.*' -delete  # older output of detached programs; or free other "
      "files of that file system",
      facts.state_folder);
}

void add_state(const Circumstances& facts, Findings& out) {
  if (facts.unsaved_changes > 0)
    add(out, "state_not_saved",
        fmt::format("{} grants cannot be stored in '{}'", facts.unsaved_changes,
                    facts.state_folder),
        free_space(facts));
  if (facts.state_free_bytes && *facts.state_free_bytes < kLowDiskBytes)
    add(out, "disk_low",
        fmt::format("{} MiB are free where '{}' is", *facts.state_free_bytes >> 20,
                    facts.state_folder),
        free_space(facts));
  if (facts.clock_behind_ms > kClockToleranceMs)
    add(out, "clock_behind",
        fmt::format("the last event is {} s in the future", facts.clock_behind_ms / 1000),
        fmt::format("timedatectl set-ntp true && {}", facts.restart_command));
  if (!facts.is_root)
    add(out, "user_daemon", "this daemon runs as an ordinary user",
        "melon down && sudo systemctl start melon  # one daemon for every user");
}

}  // namespace

std::span<const FindingCode> finding_codes() { return kCodes; }

std::vector<Finding> findings_of(const Circumstances& facts) {
  Findings out = facts.discovery;
  add_devices(facts, out);
  add_unenforced(facts, out);
  add_library(facts, out);
  add_tenants(facts, out);
  add_state(facts, out);
  return out;
}

}  // namespace melon::agent

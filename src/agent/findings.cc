// SPDX-License-Identifier: Apache-2.0
// Says what each trouble means and how to mend it.
#include "agent/findings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace melon::agent {
namespace {

using Findings = std::vector<Finding>;

constexpr std::uint64_t kLowDiskBytes = 100U << 20;
constexpr std::int64_t kClockToleranceMs = 60'000;

void add_devices(const Circumstances& facts, Findings& out) {
  const bool any_healthy = std::ranges::any_of(facts.devices, [](const core::Device& device) {
    return device.health == core::Health::kHealthy;
  });
  if (!any_healthy && facts.discovery.empty())
    out.push_back({"no_device", "error", "no usable device was found", "nothing can be granted",
                   "install a driver, for the CPU: apt-get install "
                   "pocl-opencl-icd; then restart the daemon"});
  for (const core::Device& device : facts.devices) {
    if (device.health == core::Health::kHeld)
      out.push_back(
          {"device_held", "warning",
           fmt::format("{} belongs to another daemon: {}", device.id, device.health_reason),
           "one daemon at a time may grant slices of a device",
           "use that daemon's socket (--socket), or stop it and restart this one"});
    if (device.health == core::Health::kUnhealthy)
      out.push_back({"device_unhealthy", "error",
                     fmt::format("{} is unhealthy: {}", device.id, device.health_reason),
                     "nothing new is granted on it", "see the driver's messages: dmesg"});
    if (device.enforcement == core::Enforcement::kNone)
      out.push_back({"device_unenforced", "info",
                     fmt::format("limits on {} are kept by nobody", device.id),
                     "Melon has no enforcement for this kind of device yet",
                     "run programs there with --unenforced"});
  }
}

void add_library(const Circumstances& facts, Findings& out) {
  if (!facts.preload_library.empty()) return;
  out.push_back({"library_missing", "error",
                 fmt::format("libmelon.so was not found; looked at {}",
                             fmt::join(facts.preload_candidates, ", ")),
                 "programs start without enforcement",
                 "install it beside the daemon: make install"});
}

void add_tenants(const Circumstances& facts, Findings& out) {
  for (const auto& [name, breach] : facts.broken_ledgers)
    out.push_back({"ledger_broken", "error",
                   fmt::format("the ledger of grant '{}' is broken: {}", name, breach),
                   "its use is unknown; its own processes keep their limit each by itself, others "
                   "are not affected",
                   fmt::format("restart the workload: melon stop {}, then melon run", name)});
  for (const std::string& name : facts.private_ledgers)
    out.push_back({"private_ledger", "warning",
                   fmt::format("a process of grant '{}' cannot use the shared ledger", name),
                   "its processes keep the limit each by itself, not together",
                   "make the grant's folder reachable for it (containers: see melon env "
                   "--docker), then restart it"});
  for (const std::string& process : facts.unmanaged)
    out.push_back({"unmanaged_process", "warning",
                   fmt::format("{} uses a device outside any grant", process),
                   "it takes memory and compute that grants were promised",
                   "start it with melon run, or end it"});
  for (const std::string& name : facts.grants_without_device)
    out.push_back(
        {"device_gone", "error",
         fmt::format("grant '{}' holds a slice of a device that is gone", name),
         "its programs cannot use that device",
         fmt::format("bring the device back and restart the daemon, or melon stop {}", name)});
}

void add_state(const Circumstances& facts, Findings& out) {
  if (facts.unsaved_changes > 0)
    out.push_back({"state_not_saved", "error",
                   fmt::format("{} grants cannot be stored in '{}'", facts.unsaved_changes,
                               facts.state_folder),
                   "after a restart the daemon would not know what happened to them",
                   "free space on that file system; it is stored by itself then"});
  if (facts.state_free_bytes && *facts.state_free_bytes < kLowDiskBytes)
    out.push_back({"disk_low", "warning",
                   fmt::format("{} MiB are free where '{}' is", *facts.state_free_bytes >> 20,
                               facts.state_folder),
                   "soon no grant can be made", "free space on that file system"});
  if (facts.clock_behind_ms > kClockToleranceMs)
    out.push_back(
        {"clock_behind", "warning",
         fmt::format("the last event is {} s in the future", facts.clock_behind_ms / 1000),
         "the machine's clock was set back; times and ages of grants are wrong",
         "set the clock: timedatectl set-ntp true"});
  if (!facts.is_root)
    out.push_back({"user_daemon", "info", "this daemon runs as an ordinary user",
                   "it protects from accidents, not from that user's own intent, and sees no "
                   "other user's processes",
                   "for several users, run it as root: systemctl start melon"});
}

}  // namespace

std::vector<Finding> findings_of(const Circumstances& facts) {
  Findings out = facts.discovery;
  add_devices(facts, out);
  add_library(facts, out);
  add_tenants(facts, out);
  add_state(facts, out);
  return out;
}

}  // namespace melon::agent

// SPDX-License-Identifier: Apache-2.0
// Compares what tenants claim with what they use.
#include "agent/claim_watch.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "os/process_files.h"

namespace melon::agent {
namespace {

constexpr std::int64_t kLeftOutNs = 60'000'000'000;

std::uint64_t to_ns(std::uint64_t ticks) {
  constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
  static const auto kTicks = static_cast<std::uint64_t>(std::max(1L, ::sysconf(_SC_CLK_TCK)));
  return ticks * (kNsPerSecond / kTicks);
}

abi::ArenaView said(const ClaimLook& look) { return look.page.value_or(abi::ArenaView{}); }

}  // namespace

void ClaimWatch::see(const ClaimsSeen& seen, std::int64_t now_ns) {
  OfGrant& of = grants_[seen.grant.id];
  of.share = seen.grant.request.share_mode();
  of.priority = seen.grant.request.priority;
  of.devices.resize(seen.grant.slices.size());
  const auto now = static_cast<std::uint64_t>(now_ns);
  const bool claiming = std::ranges::any_of(seen.pages, [now](const PageSample& page) {
    return page.claims && claims_anything(*page.claims, now);
  });
  if (claiming) count_processor_time(of, seen.processes);
  for (std::size_t i = 0; i < of.devices.size() && i < seen.pages.size(); ++i) {
    OfDevice& on = of.devices[i];
    on.device = seen.grant.slices[i].device;
    on.seen = seen.devices[i] != nullptr;
    const bool cpu = on.seen && seen.devices[i]->is_cpu;
    const bool reported = i < seen.ledger.devices.size() && !seen.ledger.broken;
    on.look = {.now_ns = now,
               .page = seen.pages[i].claims,
               .used_ns = of.processor_ns,
               .kernel_measured = cpu && seen.all_known};
    if (!on.look.kernel_measured)
      on.look.used_ns = reported ? seen.ledger.devices[i].consumed_ns : 0;
  }
}

void ClaimWatch::count_processor_time(OfGrant& of, const std::vector<core::ProcessId>& processes) {
  std::map<core::ProcessId, std::uint64_t> counted;
  for (const core::ProcessId process : processes) {
    const auto stat = os::process_stat(process.pid);
    if (!stat || stat->start_ticks != process.start_ticks) continue;
    const auto before = of.counted.find(process);
    const std::uint64_t known = before == of.counted.end() ? 0 : before->second;
    counted[process] = std::max(known, stat->cpu_ticks);
    of.processor_ns += to_ns(counted[process] - known);
  }
  of.counted = std::move(counted);
}

std::set<std::string> ClaimWatch::judge(std::int64_t now_ns) {
  std::set<std::string> changed;
  for (auto& [id, of] : grants_)
    for (OfDevice& on : of.devices)
      if (std::exchange(on.seen, false) && judge(id, of, on, now_ns)) changed.insert(id);
  return changed;
}

bool ClaimWatch::judge(const std::string& grant_id, OfGrant& of, OfDevice& on,
                       std::int64_t now_ns) const {
  const bool was_out = on.left_out_until_ns.has_value();
  const Claimant tenant{.page = said(on.look), .share = of.share, .priority = of.priority};
  const auto now = static_cast<std::uint64_t>(now_ns);
  if (claims_anything(tenant.page, now))
    on.look.held_back = is_held_back(tenant, others(grant_id, on.device), now);
  if (const auto untrue = on.record.judge(on.look); !untrue.empty()) {
    on.reason = untrue;
    on.left_out_until_ns = now_ns + kLeftOutNs;
  } else if (was_out && now_ns >= *on.left_out_until_ns) {
    on.reason.clear();
    on.left_out_until_ns.reset();
  }
  return was_out != on.left_out_until_ns.has_value();
}

std::vector<Claimant> ClaimWatch::others(const std::string& grant_id,
                                         const std::string& device_id) const {
  std::vector<Claimant> found;
  for (const auto& [id, of] : grants_)
    for (const OfDevice& on : of.devices)
      if (id != grant_id && on.device == device_id)
        found.push_back({.page = said(on.look),
                         .share = of.share,
                         .priority = of.priority,
                         .left_out = on.left_out_until_ns.has_value()});
  return found;
}

void ClaimWatch::forget(const std::string& grant_id) { grants_.erase(grant_id); }

bool ClaimWatch::is_left_out(const std::string& grant_id, const std::string& device_id) const {
  const auto found = grants_.find(grant_id);
  return found != grants_.end() &&
         std::ranges::any_of(found->second.devices, [&device_id](const OfDevice& on) {
           return on.device == device_id && on.left_out_until_ns;
         });
}

std::string ClaimWatch::reason(const std::string& grant_id) const {
  const auto found = grants_.find(grant_id);
  if (found == grants_.end()) return {};
  for (const OfDevice& on : found->second.devices)
    if (on.left_out_until_ns) return on.device + ": " + on.reason;
  return {};
}

bool ClaimWatch::claims(const std::string& grant_id, std::int64_t now_ns) const {
  const auto found = grants_.find(grant_id);
  if (found == grants_.end()) return false;
  const auto now = static_cast<std::uint64_t>(now_ns);
  return std::ranges::any_of(found->second.devices, [now](const OfDevice& on) {
    return on.left_out_until_ns || claims_anything(said(on.look), now);
  });
}

}  // namespace melon::agent

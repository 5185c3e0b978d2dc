// SPDX-License-Identifier: Apache-2.0
// What grants use: their ledgers read, rates, flags, and all that as a caller may see it.
#include <algorithm>
#include <iterator>
#include <utility>

#include "agent/workloads.h"

namespace melon::agent {

using core::Grant;
using core::State;

namespace {

/// Whoever finds such a process tells of each, with its user and device.
constexpr EventKind kEscaped = "unmanaged_process";
constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::uint64_t kGranulesPerMiB = (1U << 20) / abi::kGranule;
/// Rates are over at least this long; shorter ones show the bucket's steps, not the use.
constexpr std::int64_t kRateNs = kNsPerSecond;

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
    if (std::ranges::find(known.shown_flags, flag) == known.shown_flags.end() && flag != kEscaped)
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

std::vector<EventKind> Workloads::flags(const Grant& grant, const Tracked& known) const {
  constexpr EventKind kBroken = "ledger_broken";
  constexpr EventKind kOverLimit = "over_limit";
  constexpr EventKind kFalseClaims = "false_claims";
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

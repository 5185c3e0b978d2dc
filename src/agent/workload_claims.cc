// SPDX-License-Identifier: Apache-2.0
// What tenants claim of devices, and what becomes of those whose claims are false.
#include "agent/workloads.h"

namespace melon::agent {

using core::Grant;

void Workloads::look_at_claims(const Grant& grant, Tracked& known) {
  ClaimsSeen seen{.grant = grant,
                  .devices = {},
                  .pages = {},
                  .ledger = known.sample,
                  .processes = live_processes(grant),
                  .all_known = known.in_ledger.size() == known.sample.processes.size()};
  for (const core::Slice& slice : grant.slices) {
    const core::Device* const device = book_.find_device(slice.device);
    seen.devices.push_back(device);
    seen.pages.push_back(
        device == nullptr
            ? PageSample{}
            : sample_page((parts_.folder.device_folder(*device) / grant.id).string()));
    known.sample.flags |= seen.pages.back().flags;
  }
  claims_.see(seen, parts_.clock.steady_ns());
}

void Workloads::judge_claims() {
  std::vector<const Grant*> changed;
  for (const std::string& id : claims_.judge(parts_.clock.steady_ns()))
    changed.push_back(book_.at(id));
  if (!changed.empty()) publish_sharers(changed);
}

std::vector<std::pair<std::string, std::string>> Workloads::false_claims() const {
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& [id, known] : tracked_)
    if (const std::string reason = claims_.reason(id); !reason.empty())
      found.emplace_back(book_.at(id)->name, reason);
  return found;
}

std::vector<std::pair<std::string, std::string>> Workloads::broken_ledgers() const {
  std::vector<std::pair<std::string, std::string>> broken;
  for (const auto& [id, known] : tracked_)
    if (known.sample.broken) broken.emplace_back(book_.at(id)->name, known.sample.breach);
  return broken;
}

}  // namespace melon::agent

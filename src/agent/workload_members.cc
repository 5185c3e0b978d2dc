// SPDX-License-Identifier: Apache-2.0
// Whom a grant lives for: those inside it, and who waits for one.
#include "agent/workloads.h"

namespace melon::agent {

using core::Grant;
using core::State;

void Workloads::follow_waiter(const Grant& grant) {
  if (grant.state != State::kQueued || !grant.waiter) return;
  if (!parts_.watch.watch(*grant.waiter)) withdraw_requests_of(*grant.waiter);
}

void Workloads::withdraw_requests_of(core::ProcessId waiter) {
  std::vector<std::string> withdrawn;
  for (const Grant* const grant : book_.waited_for())
    if (grant->waiter == waiter) withdrawn.push_back(grant->id);
  for (const std::string& id : withdrawn)
    end(id, State::kFailed, "the process that waited for it is gone");
  if (!withdrawn.empty()) serve_queue();
}

}  // namespace melon::agent

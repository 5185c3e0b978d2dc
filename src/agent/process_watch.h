// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "base/result.h"
#include "core/grant.h"
#include "os/descriptor.h"

namespace melon::agent {

/// The process that has this pid now; empty: none.
std::optional<core::ProcessId> identify(int pid);

/// Sends a signal to exactly this process, if it lives and one of `users` runs it (empty: anybody):
/// a pid that was reused, or that a tenant wrote into its ledger although it is another user's, is
/// never hit. False: nothing was sent.
bool signal_process(core::ProcessId process, const std::set<std::uint32_t>& users, int signal);

/// Tells when processes end, without polling: one thread waits on a pidfd of each.
/// Thread-safe. `gone` is called on that thread, once for each watched process.
class ProcessWatch {
 public:
  using Gone = std::function<void(core::ProcessId)>;

  static Result<std::unique_ptr<ProcessWatch>> start(Gone gone);
  ~ProcessWatch();
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

  /// False when the process is gone already; `gone` is not called then.
  bool watch(core::ProcessId process);

 private:
  ProcessWatch(os::Descriptor epoll, os::Descriptor wake, Gone gone);
  void run();
  std::optional<core::ProcessId> take(int number);

  os::Descriptor epoll_;
  os::Descriptor wake_;
  Gone gone_;
  std::mutex mutex_;
  std::map<int, std::pair<os::Descriptor, core::ProcessId>> watched_;  // under mutex_, by number
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace melon::agent

// SPDX-License-Identifier: Apache-2.0
// Decides by peer credentials who may see and change what.
#include "agent/caller.h"

#include <fmt/format.h>
#include <pwd.h>

#include <array>

#include "agent/process_watch.h"
#include "os/process_files.h"

namespace melon::agent {

Caller::Caller(const net::Peer& peer, std::uint32_t daemon_uid) {
  if (!peer.uid) return;
  known_ = true;
  uid_ = *peer.uid;
  trusted_ = uid_ == 0 || uid_ == daemon_uid;
}

Result<std::uint32_t> Caller::uid() const {
  if (!known_)
    return fail(Code::kPermissionDenied, "the caller is unknown: this address only shows metrics",
                "call over the daemon's Unix socket");
  return uid_;
}

Result<> Caller::may_change(const core::Grant& grant) const {
  MELON_TRY(const std::uint32_t caller, uid());
  if (owns(grant.owner)) return {};
  return fail(Code::kPermissionDenied,
              fmt::format("grant '{}' belongs to {}; {} may not do this with it", grant.name,
                          user_name(grant.owner), user_name(caller)),
              "ask its owner or root");
}

Result<> Caller::may_administer() const {
  MELON_TRY(const std::uint32_t caller, uid());
  if (trusted_) return {};
  return fail(Code::kPermissionDenied,
              fmt::format("{} may not stop this daemon", user_name(caller)),
              "ask root or the user who started it");
}

Result<core::ProcessId> process_of(const Caller& caller, int pid) {
  const auto process = identify(pid);
  if (!process)
    return fail(Code::kNotFound, fmt::format("no process {} runs", pid),
                "give the pid of a running process, as this machine counts them");
  MELON_TRY(const std::uint32_t caller_uid, caller.uid());
  if (caller_uid != 0 && os::process_user(pid) != caller_uid)
    return fail(Code::kPermissionDenied, fmt::format("process {} is another user's", pid),
                "name a process of your own");
  return *process;
}

std::string user_name(std::uint32_t uid) {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return found->pw_name;
  return fmt::format("{}", uid);
}

}  // namespace melon::agent

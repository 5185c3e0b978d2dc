// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "core/grant.h"
#include "net/http.h"

namespace melon::agent {

/// Who calls, as the kernel says it. The daemon's own user and root may do everything; a grant's
/// owner may do everything with that grant; everyone sees names, owners, slices and use.
class Caller {
 public:
  Caller(const net::Peer& peer, std::uint32_t daemon_uid);

  /// The caller's user id. Errors: kPermissionDenied when nobody vouches for it (TCP).
  Result<std::uint32_t> uid() const;
  bool owns(std::uint32_t owner) const { return trusted_ || (known_ && uid_ == owner); }
  bool is_root() const { return known_ && uid_ == 0; }
  /// Errors: kPermissionDenied naming caller and grant.
  Result<> may_change(const core::Grant& grant) const;
  /// Errors: kPermissionDenied unless root or the daemon's own user.
  Result<> may_administer() const;

 private:
  bool known_ = false;
  bool trusted_ = false;
  std::uint32_t uid_ = 0;
};

/// The user's name, or the number as text when the machine does not know it.
std::string user_name(std::uint32_t uid);

/// A living process that this caller may speak for: his own, any for root. Errors: kNotFound,
/// kPermissionDenied.
Result<core::ProcessId> process_of(const Caller& caller, int pid);

}  // namespace melon::agent

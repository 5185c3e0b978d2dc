// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/request.h"
#include "shim/abi/files.h"

namespace melon::agent {

/// What one tenant of a device says in its arena page, beside what is known of it.
struct Claimant {
  abi::ArenaView page = {};
  core::ShareMode share = core::ShareMode::kWeighted;
  core::Priority priority = core::Priority::kNormal;
  bool left_out = false;  // its claims hold nobody
};

/// True while the page asks others to leave it the device.
bool claims_anything(const abi::ArenaView& page, std::uint64_t now_ns);

/// True when the claims of `others` may keep a tenant off the device, so that it claims without
/// using: someone above is busy, or, unless it is entitled, someone is entitled or comes first.
bool is_held_back(const Claimant& tenant, std::span<const Claimant> others, std::uint64_t now_ns);

/// One look at a tenant's claims. Times are CLOCK_MONOTONIC.
struct ClaimLook {
  std::uint64_t now_ns = 0;
  std::optional<abi::ArenaView> page = {};  // empty: its file is not an arena page
  std::uint64_t used_ns = 0;                // device time that it ever used, by one measure
  bool kernel_measured = false;             // `used_ns` is the kernel's word, not the tenant's
  bool held_back = false;                   // is_held_back()
};

/// What one tenant claimed of one device, look by look, against what it used. Others wait for
/// claims, so a claim is a promise to use the device: who claims without a break, is held back by
/// nobody and uses less than a hundredth of the time has not told the truth. Who does not trust the
/// figure of use (a kernel that runs for long is charged when it ends) waits longer before it says
/// so. Pure.
class ClaimRecord {
 public:
  /// Why what it claims cannot be true; empty: it can.
  std::string_view judge(const ClaimLook& look);

 private:
  void begin(const ClaimLook& look);

  std::optional<std::uint64_t> since_ns_;  // claims without a break and in vain since then
  std::uint64_t used_before_ns_ = 0;       // used_ns then
  bool kernel_measured_ = false;           // whose figure that was
};

}  // namespace melon::agent

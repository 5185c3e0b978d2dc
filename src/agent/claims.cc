// SPDX-License-Identifier: Apache-2.0
// Tells claims that cannot be true from those that may be.
#include "agent/claims.h"

#include <algorithm>

namespace melon::agent {
namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
/// The library promises at most a second and what a launch takes; five times that is no rounding.
constexpr std::uint64_t kFarthestPromise = 10 * kNsPerSecond;
/// No device has worked for so long (146 years).
constexpr std::uint64_t kMostVirtualTime = std::uint64_t{1} << 62;
/// For how long a tenant may claim in vain: by the kernel's measure, and by its own.
constexpr std::uint64_t kPatience = 10 * kNsPerSecond;
constexpr std::uint64_t kPatienceWithItsOwnFigures = 60 * kNsPerSecond;
constexpr std::uint64_t kLeastUse = 100;  // a hundredth of the time

bool is_garbage(const abi::ArenaView& page, std::uint64_t now_ns) {
  const std::uint64_t farthest = std::max({page.entitled_until, page.wants_until, page.busy_until});
  return page.virtual_time > kMostVirtualTime || farthest > now_ns + kFarthestPromise;
}

bool competes_with(const Claimant& tenant, const Claimant& other, std::uint64_t now_ns) {
  return other.share != core::ShareMode::kHard && other.priority == tenant.priority &&
         other.page.wants_until > now_ns;
}

bool holds_back(const Claimant& other, const Claimant& tenant, std::uint64_t now_ns) {
  if (other.left_out) return false;
  if (other.priority > tenant.priority && other.page.busy_until > now_ns) return true;
  if (tenant.page.entitled_until > now_ns) return false;
  if (other.priority >= tenant.priority && other.page.entitled_until > now_ns) return true;
  return competes_with(tenant, other, now_ns) && other.page.virtual_time < tenant.page.virtual_time;
}

}  // namespace

bool claims_anything(const abi::ArenaView& page, std::uint64_t now_ns) {
  return std::max({page.entitled_until, page.wants_until, page.busy_until}) > now_ns;
}

bool is_held_back(const Claimant& tenant, std::span<const Claimant> others, std::uint64_t now_ns) {
  return std::ranges::any_of(
      others, [&](const Claimant& other) { return holds_back(other, tenant, now_ns); });
}

std::string_view ClaimRecord::judge(const ClaimLook& look) {
  if (!look.page || is_garbage(*look.page, look.now_ns)) {
    since_ns_.reset();
    return look.page ? "it promises what no device can keep" : "its arena page is not one";
  }
  if (look.held_back || !claims_anything(*look.page, look.now_ns)) {
    since_ns_.reset();
    return {};
  }
  if (!since_ns_ || kernel_measured_ != look.kernel_measured) {
    begin(look);
    return {};
  }
  const std::uint64_t claimed = look.now_ns - *since_ns_;
  if (claimed < (look.kernel_measured ? kPatience : kPatienceWithItsOwnFigures)) return {};
  const bool in_vain =
      look.used_ns < used_before_ns_ || look.used_ns - used_before_ns_ < claimed / kLeastUse;
  begin(look);
  return in_vain ? "it claims the device without a break and does not use it" : "";
}

void ClaimRecord::begin(const ClaimLook& look) {
  since_ns_ = look.now_ns;
  used_before_ns_ = look.used_ns;
  kernel_measured_ = look.kernel_measured;
}

}  // namespace melon::agent

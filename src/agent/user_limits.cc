// SPDX-License-Identifier: Apache-2.0
// Sums what a user holds and compares it with what he may.
#include "agent/user_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/names.h"

namespace melon::agent {
namespace {

struct Holding {
  MiB memory = {};
  Permille compute = {};
  int grants = 0;
};

MiB largest_memory(const GrantBook& book) {
  MiB largest;
  for (const core::Device& device : book.devices()) largest = std::max(largest, device.memory);
  return largest;
}

/// What counts beside others: a hard share has no use for its weight, a burst one above its
/// guarantee has.
int weight_of(const core::Request& request) {
  return request.share_mode() == core::ShareMode::kHard ? 0 : request.weight;
}

/// Of a request without slices the most that it could become.
Holding holding_of(const GrantBook& book, const core::Request& request,
                   std::span<const core::Slice> slices) {
  Holding holding{.grants = 1};
  if (slices.empty()) {
    const MiB device = largest_memory(book);
    const MiB each = request.memory ? request.memory->on(device) : device;
    holding.memory = MiB(each.count() * request.count);
    holding.compute = Permille(request.booked().count() * request.count);
  }
  for (const core::Slice& slice : slices) {
    holding.memory += slice.memory;
    holding.compute += slice.compute;
  }
  return holding;
}

void add(Holding& sum, const Holding& more) {
  sum.memory += more.memory;
  sum.compute += more.compute;
  sum.grants += more.grants;
}

Result<> check_rank(const config::UserLimits& limits, const core::Request& request,
                    const core::Request* before) {
  const bool more_priority = before == nullptr || request.priority > before->priority;
  if (limits.priority && request.priority > *limits.priority && more_priority)
    return fail(Code::kPermissionDenied,
                fmt::format("priority {} is above your limit, {}", core::to_text(request.priority),
                            core::to_text(*limits.priority)),
                fmt::format("ask for --priority {} or lower", core::to_text(*limits.priority)));
  if (limits.weight && weight_of(request) > *limits.weight &&
      (before == nullptr || weight_of(request) > weight_of(*before)))
    return fail(Code::kPermissionDenied,
                fmt::format("weight {} is above your limit, {}", request.weight, *limits.weight),
                fmt::format("ask for --weight {} or lower", *limits.weight));
  return {};
}

/// `held` by others of the user's grants, `wanted` in addition; `had` is what it had of that
/// before.
Result<> check_amounts(const config::UserLimits& limits, const Holding& held, const Holding& wanted,
                       const Holding& had) {
  constexpr const char* kRemedy = "stop another grant of yours, or ask the administrator";
  if (limits.grants && wanted.grants > had.grants && held.grants + wanted.grants > *limits.grants)
    return fail(Code::kFailedPrecondition,
                fmt::format("you hold {} grants and may hold {}", held.grants, *limits.grants),
                kRemedy);
  if (limits.memory && wanted.memory > had.memory && held.memory + wanted.memory > *limits.memory)
    return fail(Code::kFailedPrecondition,
                fmt::format("you hold {} of memory, ask for {} more and may hold {}",
                            melon::to_text(held.memory), melon::to_text(wanted.memory),
                            melon::to_text(*limits.memory)),
                kRemedy);
  if (limits.compute && wanted.compute > had.compute &&
      held.compute + wanted.compute > *limits.compute)
    return fail(Code::kFailedPrecondition,
                fmt::format("you hold {} of compute, ask for {} more and may hold {}",
                            melon::to_text(held.compute), melon::to_text(wanted.compute),
                            melon::to_text(*limits.compute)),
                kRemedy);
  return {};
}

}  // namespace

Result<> check_user_limits(const config::UserLimits& limits, const GrantBook& book,
                           const Demand& demand) {
  if (limits == config::UserLimits{}) return {};
  const core::Grant* const before = demand.before;
  MELON_RETURN_IF_ERROR(
      check_rank(limits, demand.request, before == nullptr ? nullptr : &before->request));
  Holding held;
  for (const core::Grant* const grant : book.grants())
    if (grant->owner == demand.owner && !core::is_over(grant->state) &&
        (before == nullptr || grant->id != before->id))
      add(held, holding_of(book, grant->request, grant->slices));
  const Holding had =
      before == nullptr ? Holding{} : holding_of(book, before->request, before->slices);
  return check_amounts(limits, held, holding_of(book, demand.request, demand.slices), had);
}

void lower_defaults(NewGrant& wanted, const config::UserLimits& limits) {
  core::Request& request = wanted.request;
  if (!wanted.weight_given && limits.weight)
    request.weight = std::min(request.weight, *limits.weight);
  if (!wanted.priority_given && limits.priority)
    request.priority = std::min(request.priority, *limits.priority);
}

}  // namespace melon::agent

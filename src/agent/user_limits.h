// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "agent/grant_book.h"
#include "base/result.h"
#include "config/daemon_config.h"

namespace melon::agent {

/// What a user is about to hold in addition to what the book says.
struct Demand {
  std::uint32_t owner = 0;
  const core::Request& request;
  std::span<const core::Slice> slices;  // empty: not placed yet, the request tells
  const core::Grant* before = nullptr;  // the grant that changes, as it was; null: a new one
};

/// Checks a demand against what one user may hold; waiting grants count as if they held. Of a grant
/// that changes only what grows is checked: root may have given more than the limits. Pure.
/// Errors: kPermissionDenied for a priority or weight above the user's, kFailedPrecondition for
/// amounts; both name the limit and what is held.
Result<> check_user_limits(const config::UserLimits& limits, const GrantBook& book,
                           const Demand& demand);

/// Weight and priority that were not given become the highest that the owner may have, where that
/// is below the default.
void lower_defaults(NewGrant& wanted, const config::UserLimits& limits);

}  // namespace melon::agent

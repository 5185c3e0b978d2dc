// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "core/grant.h"
#include "store/detail/database.h"

namespace melon::store::detail {

/// Writes one grant in place of the one with its id. Within the caller's transaction.
Result<> put_grant(Database& database, const core::Grant& grant);
Result<> remove_grant(Database& database, const std::string& id);
/// All grants, by creation time, then id.
Result<std::vector<core::Grant>> read_grants(Database& database);

}  // namespace melon::store::detail

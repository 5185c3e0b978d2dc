// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "store/detail/database.h"

namespace melon::store::detail {

/// Brings the schema up to date by the numbered files in migrations/, each in one transaction with
/// its number. Errors: kFailedPrecondition for a schema of a newer version and for a database that
/// is not Melon's.
Result<> migrate(Database& database);

}  // namespace melon::store::detail

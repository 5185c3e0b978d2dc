// SPDX-License-Identifier: Apache-2.0
// Versions of the schema, and the way from each to the next.
#include "store/detail/schema.h"

#include <fmt/format.h>

#include "base/embedded.h"

namespace melon::embedded {
std::span<const File> store_migrations();
}

namespace melon::store::detail {
namespace {

constexpr std::int64_t kApplicationId = 0x4d4c4f4e;  // "MLON", so that foreign files are refused

}  // namespace

Result<> migrate(Database& database) {
  const auto migrations = embedded::store_migrations();
  const auto newest = static_cast<std::int64_t>(migrations.size());
  MELON_TRY(const auto version, database.number("PRAGMA user_version"));
  MELON_TRY(const auto tables, database.number("SELECT count(*) FROM sqlite_schema"));
  MELON_TRY(const auto application, database.number("PRAGMA application_id"));
  if (tables > 0 && application != kApplicationId)
    return fail(Code::kFailedPrecondition,
                fmt::format("database '{}' was not made by melon", database.path()),
                "name another state folder with --state");
  if (version > newest)
    return fail(Code::kFailedPrecondition,
                fmt::format("database '{}' has schema version {}, made by a newer melon; this one "
                            "knows versions up to {}",
                            database.path(), version, newest),
                "install that newer version again, or name another state folder with --state");
  for (auto at = version; at < newest; ++at) {
    MELON_TRY(auto transaction, Transaction::begin(database));
    MELON_RETURN_IF_ERROR(
        database.execute(std::string(migrations[static_cast<std::size_t>(at)].content)));
    MELON_RETURN_IF_ERROR(database.execute(fmt::format(
        "PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId, at + 1)));
    MELON_RETURN_IF_ERROR(transaction.commit());
  }
  return {};
}

}  // namespace melon::store::detail

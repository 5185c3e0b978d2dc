// SPDX-License-Identifier: Apache-2.0
// The store in one SQLite file.
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "os/descriptor.h"
#include "store/detail/database.h"
#include "store/detail/grant_rows.h"
#include "store/detail/schema.h"
#include "store/store.h"

namespace melon::store {
namespace {

using detail::Database;
using detail::Statement;
using detail::Transaction;

constexpr int kPruneInterval = 256;  // events written between two prunings

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  Result<> apply(const Change& change) override {
    MELON_TRY(auto transaction, Transaction::begin(*database_));
    for (const std::string& id : change.remove)
      MELON_RETURN_IF_ERROR(detail::remove_grant(*database_, id));
    for (const core::Grant& grant : change.put)
      MELON_RETURN_IF_ERROR(detail::put_grant(*database_, grant));
    for (const auto& [key, memory] : change.device_memory)
      MELON_RETURN_IF_ERROR(Statement(*database_, "INSERT OR REPLACE INTO devices VALUES (?,?)")
                                .bind(key)
                                .bind(memory.count())
                                .run());
    MELON_RETURN_IF_ERROR(write_events(change.events));
    return transaction.commit();
  }

  Result<std::vector<core::Grant>> grants() override { return detail::read_grants(*database_); }

  Result<std::vector<EventRecord>> events(const EventQuery& query) override {
    Statement rows(*database_,
                   "SELECT id, unix_ms, kind, grant_name, message FROM events WHERE id > ?1 AND "
                   "(?2 = '' OR grant_name = ?2) ORDER BY id DESC LIMIT ?3");
    rows.bind(query.after_id).bind(query.grant).bind(static_cast<std::int64_t>(query.at_most));
    std::vector<EventRecord> events;
    while (true) {
      MELON_TRY(const bool more, rows.step());
      if (!more) break;
      events.push_back({.id = rows.number(0),
                        .unix_ms = rows.number(1),
                        .kind = rows.text(2),
                        .grant = rows.text(3),
                        .message = rows.text(4)});
    }
    std::ranges::reverse(events);
    return events;
  }

  Result<std::map<std::string, MiB>> device_memory() override {
    Statement rows(*database_, "SELECT key, memory_mib FROM devices");
    std::map<std::string, MiB> memory;
    while (true) {
      MELON_TRY(const bool more, rows.step());
      if (!more) return memory;
      memory[rows.text(0)] = MiB(rows.number(1));
    }
  }

 private:
  Result<> write_events(const std::vector<EventRecord>& events) {
    Statement insert(*database_, "INSERT OR REPLACE INTO events VALUES (?,?,?,?,?)");
    for (const EventRecord& event : events) {
      insert.reset();
      insert.bind(event.id).bind(event.unix_ms).bind(event.kind).bind(event.grant);
      MELON_RETURN_IF_ERROR(insert.bind(event.message).run());
    }
    unpruned_ += static_cast<int>(events.size());
    if (unpruned_ < kPruneInterval) return {};
    unpruned_ = 0;
    return Statement(*database_,
                     "DELETE FROM events WHERE id <= "
                     "(SELECT id FROM events ORDER BY id DESC LIMIT 1 OFFSET ?)")
        .bind(kKeptEvents)
        .run();
  }

  std::unique_ptr<Database> database_;
  int unpruned_ = kPruneInterval;  // the first write prunes what an earlier life left
};

Result<std::unique_ptr<Store>> open(const std::string& path) {
  MELON_TRY(auto database, Database::open(path));
  // EXCLUSIVE: one daemon per file, and no shared-memory file that a full disk could break.
  // FULL: a commit is on the disk before it is acknowledged.
  MELON_RETURN_IF_ERROR(
      database->execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; "
                        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; "
                        "PRAGMA journal_size_limit = 4194304"));
  Statement check(*database, "PRAGMA quick_check(1)");
  MELON_TRY(const bool row, check.step());
  if (row && check.text(0) != "ok") {
    constexpr int kCorrupt = 11;  // SQLITE_CORRUPT
    Error error = database->error(kCorrupt, "trust");
    error.message = fmt::format("database '{}' is damaged: {}", path, check.text(0));
    return tl::unexpected<Error>(std::move(error));
  }
  check.reset();
  MELON_RETURN_IF_ERROR(detail::migrate(*database));
  return std::make_unique<SqliteStore>(std::move(database));
}

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite(const std::string& path) {
  // Made here because SQLite would take the permissions from the umask; its WAL copies them. Only
  // when it is new: closing a descriptor would drop the locks of a store that this process has
  // open.
  const int made = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const int cause = errno;
  os::Descriptor(made).reset();
  if (made < 0 && cause != EEXIST) {
    const bool denied = cause == EACCES || cause == EPERM || cause == EROFS;
    return fail(denied ? Code::kPermissionDenied : Code::kUnavailable,
                fmt::format("cannot make database '{}': {}", path, std::strerror(cause)),
                "let the daemon's user own the folder, and free space there");
  }
  return open(path);
}

Result<std::unique_ptr<Store>> open_in_memory() { return open(":memory:"); }

}  // namespace melon::store

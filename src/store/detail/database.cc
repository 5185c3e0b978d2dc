// SPDX-License-Identifier: Apache-2.0
// A thin owner around SQLite's handles; turns its result codes into errors.
#include "store/detail/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

namespace melon::store::detail {
namespace {

/// The command that clears a damaged or foreign database out of the way without losing it.
std::string move_aside(const std::string& path) {
  return fmt::format(
      "stop the daemon, then move the file aside and start again: for f in '{0}' '{0}-wal'; do "
      "[ ! -e \"$f\" ] || mv \"$f\" \"$f.damaged\"; done",
      path);
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement::Statement(Database& database, const char* sql) : database_(database) {
  sqlite3_stmt* statement = nullptr;
  failed_ = sqlite3_prepare_v2(database.raw(), sql, -1, &statement, nullptr);
  statement_.reset(statement);
}

Statement& Statement::bind(std::int64_t value) {
  if (failed_ == 0) failed_ = sqlite3_bind_int64(statement_.get(), next_++, value);
  return *this;
}

Statement& Statement::bind(std::string_view value) {
  if (failed_ == 0)
    failed_ = sqlite3_bind_text64(statement_.get(), next_++, value.data() ? value.data() : "",
                                  value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_maybe(const std::optional<std::int64_t>& value) {
  if (value) return bind(*value);
  if (failed_ == 0) failed_ = sqlite3_bind_null(statement_.get(), next_++);
  return *this;
}

Statement& Statement::bind_maybe(const std::optional<std::string_view>& value) {
  if (value) return bind(*value);
  if (failed_ == 0) failed_ = sqlite3_bind_null(statement_.get(), next_++);
  return *this;
}

Result<bool> Statement::step() {
  const int code = failed_ != 0 ? failed_ : sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return tl::unexpected<Error>(database_.error(code, "use"));
}

Result<> Statement::run() {
  MELON_TRY(const bool row, step());
  static_cast<void>(row);
  return {};
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  next_ = 1;
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const auto* const bytes = sqlite3_column_text(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr
             ? std::string()
             : std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

std::optional<std::int64_t> Statement::maybe_number(int column) const {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return std::nullopt;
  return number(column);
}

std::optional<std::string> Statement::maybe_text(int column) const {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return std::nullopt;
  return text(column);
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path) {
  std::unique_ptr<Database> database(new Database(path));
  const int code = sqlite3_open_v2(path.c_str(), &database->raw_,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  if (code != SQLITE_OK) return tl::unexpected<Error>(database->error(code, "open"));
  sqlite3_extended_result_codes(database->raw_, 1);
  return database;
}

Database::~Database() { sqlite3_close(raw_); }

Result<> Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(raw_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return tl::unexpected<Error>(error(code, "use"));
  return {};
}

Result<std::int64_t> Database::number(const char* sql) {
  Statement statement(*this, sql);
  MELON_TRY(const bool row, statement.step());
  return row ? statement.number(0) : 0;
}

Error Database::error(int code, std::string_view doing) const {
  const std::string cause = raw_ != nullptr ? sqlite3_errmsg(raw_) : sqlite3_errstr(code);
  const auto make = [&](Code kind, std::string remedy) {
    return Error{kind, fmt::format("cannot {} database '{}': {}", doing, path_, cause),
                 std::move(remedy)};
  };
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
      return make(Code::kUnavailable, "free space on that file system (see: df), or mend the disk");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return make(Code::kAlreadyExists,
                  "another process has it open: stop that daemon, or name another state folder "
                  "with --state");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return make(Code::kFailedPrecondition, move_aside(path_));
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return make(Code::kPermissionDenied, "let the daemon's user own the file and its folder");
    default:
      return make(Code::kInternal, "");
  }
}

Result<Transaction> Transaction::begin(Database& database) {
  MELON_RETURN_IF_ERROR(database.execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ == nullptr) return;
  // A failed write may have ended the transaction already; then there is nothing to take back.
  if (sqlite3_get_autocommit(database_->raw()) == 0)
    sqlite3_exec(database_->raw(), "ROLLBACK", nullptr, nullptr, nullptr);
}

Result<> Transaction::commit() {
  MELON_RETURN_IF_ERROR(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace melon::store::detail

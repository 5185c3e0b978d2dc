// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace melon::store::detail {

class Database;

/// One prepared statement: bind in order, then step row by row. The first error is kept, makes the
/// rest void, and comes out of step() or run().
class Statement {
 public:
  Statement(Database& database, const char* sql);

  Statement& bind(std::int64_t value);
  Statement& bind(std::string_view value);
  Statement& bind_maybe(const std::optional<std::int64_t>& value);
  Statement& bind_maybe(const std::optional<std::string_view>& value);

  /// True: a row is there. False: no more.
  Result<bool> step();
  /// Executes a statement without rows.
  Result<> run();
  /// Ready for other values.
  void reset();

  std::int64_t number(int column) const;
  std::string text(int column) const;
  std::optional<std::int64_t> maybe_number(int column) const;
  std::optional<std::string> maybe_text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int next_ = 1;
  int failed_ = 0;
};

/// An open SQLite database.
class Database {
 public:
  /// Errors: those of error().
  static Result<std::unique_ptr<Database>> open(const std::string& path);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  Result<> execute(const std::string& sql);
  Result<std::int64_t> number(const char* sql);

  /// What a result code of SQLite means to a person.
  Error error(int code, std::string_view doing) const;
  sqlite3* raw() { return raw_; }
  const std::string& path() const { return path_; }

 private:
  explicit Database(std::string path) : path_(std::move(path)) {}

  std::string path_;
  sqlite3* raw_ = nullptr;
};

/// A transaction that is rolled back unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace melon::store::detail

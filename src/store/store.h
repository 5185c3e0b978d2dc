// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "core/grant.h"

namespace melon::store {

/// Something that happened. Ids are the caller's, rising and never reused.
struct EventRecord {
  std::int64_t id = 0;
  std::int64_t unix_ms = 0;
  std::string kind = {};
  std::string grant = {};  // its name; empty: none
  std::string message = {};

  bool operator==(const EventRecord&) const = default;
};

/// What is to be remembered together: all of it or nothing.
struct Change {
  std::vector<core::Grant> put = {};              // inserted, or replaced whole by id
  std::vector<std::string> remove = {};           // grant ids; unknown ones are no error
  std::vector<EventRecord> events = {};           // an id that is there already is replaced
  std::map<std::string, MiB> device_memory = {};  // by Device::key; replaced
};

/// Which events to read, oldest first.
struct EventQuery {
  std::int64_t after_id = 0;
  std::string grant = {};      // empty: all
  std::size_t at_most = 1000;  // of those that match, the latest
};

/// Durable memory of one daemon.
///
///  D1  what apply() acknowledged is there after a kill or a power cut.
///  D2  a Change is never seen in part, and one that was refused has left nothing.
///  D3  after an error the store goes on: once the cause is mended, the next call succeeds.
/// Errors: kUnavailable when the disk is full or fails; kFailedPrecondition when the content is
/// damaged. Not thread-safe.
class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  virtual Result<> apply(const Change& change) = 0;
  /// All grants, by creation time, then id.
  virtual Result<std::vector<core::Grant>> grants() = 0;
  virtual Result<std::vector<EventRecord>> events(const EventQuery& query) = 0;
  /// How large each device was, by Device::key.
  virtual Result<std::map<std::string, MiB>> device_memory() = 0;
};

/// The events that a store keeps at least; the oldest beyond are forgotten in portions.
constexpr std::int64_t kKeptEvents = 10'000;

/// Opens or makes the database file, 0600, and brings its schema up to date. One opener at a time.
/// Errors: kAlreadyExists (open elsewhere), kFailedPrecondition (made by a newer version, damaged,
/// or no database of Melon; the remedy is a command), kPermissionDenied, kUnavailable.
Result<std::unique_ptr<Store>> open_sqlite(const std::string& path);

/// The same without a file: forgets everything at its end.
Result<std::unique_ptr<Store>> open_in_memory();

}  // namespace melon::store

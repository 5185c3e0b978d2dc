// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/event_kinds.h"
#include "net/server.h"
#include "store/store.h"

namespace melon::agent {

/// What happened lately, which the log is told too, and who wants to hear what happens next.
///
///  I1  ids rise, also across restarts, so that a resuming client never takes an old event for a
///  new
///      one: they start at the time of the start, or after the last stored one.
///  I2  memory is bounded: the oldest are forgotten.
/// Not thread-safe: owned by the server's thread.
class EventLog {
 public:
  EventLog(std::int64_t now_unix_ms, std::vector<store::EventRecord> stored,
           std::size_t capacity = 1000);

  void add(std::int64_t unix_ms, EventKind kind, std::string grant, std::string message);
  /// Events after `since` (0: all kept ones), of one grant if it is not empty.
  std::vector<store::EventRecord> after(std::int64_t since, std::string_view grant) const;
  /// Sends those after `since` and then every new one, as events of type "event".
  void follow(std::shared_ptr<net::EventSink> sink, std::int64_t since, std::string grant);
  /// Those that the store does not have yet; mark_saved() once it has them.
  std::vector<store::EventRecord> unsaved() const;
  void mark_saved() { first_unsaved_ = next_id_; }

 private:
  struct Follower {
    std::shared_ptr<net::EventSink> sink;
    std::string grant;
  };
  std::int64_t next_id_;
  std::int64_t first_unsaved_;
  std::size_t capacity_;
  std::deque<store::EventRecord> events_;
  std::vector<Follower> followers_;
};

/// Changes of grants, for `GET /v1/grants?watch=true`. Followers may see different fields, so each
/// brings its own way to write a grant. Not thread-safe: owned by the server's thread.
class GrantFeed {
 public:
  using Write = std::function<std::optional<std::string>(const std::string& grant_id)>;

  explicit GrantFeed(std::int64_t now_unix_ms, std::size_t capacity = 4096);

  /// Tells every follower that this grant changed.
  void changed(const std::string& grant_id);
  /// Ids of grants changed after `since`, oldest change first; empty optional: too long ago to
  /// know.
  std::optional<std::vector<std::string>> changed_after(std::uint64_t since) const;
  /// Sends the grants named in `first`, then each change.
  void follow(std::shared_ptr<net::EventSink> sink, Write write,
              const std::vector<std::string>& first);

 private:
  struct Change {
    std::uint64_t id;
    std::string grant_id;
  };
  struct Follower {
    std::shared_ptr<net::EventSink> sink;
    Write write;
  };
  static bool send(Follower& follower, std::uint64_t id, const std::string& grant_id);

  std::uint64_t first_id_;
  std::uint64_t next_id_;
  std::size_t capacity_;
  std::deque<Change> changes_;
  std::vector<Follower> followers_;
};

}  // namespace melon::agent

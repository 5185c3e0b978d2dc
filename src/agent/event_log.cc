// SPDX-License-Identifier: Apache-2.0
// Keeps the last events and passes new ones on.
#include "agent/event_log.h"

#include <algorithm>

#include "agent/answers.h"
#include "telemetry/log.h"

namespace melon::agent {
namespace {

/// A thousand events a millisecond would be needed to run into the next start's ids.
constexpr std::int64_t kIdsPerMs = 1000;

net::Event to_net(const store::EventRecord& event) {
  return {.id = std::to_string(event.id),
          .type = "event",
          .data = event_json(event.id, event.unix_ms, event.kind, event.grant, event.message)};
}

}  // namespace

EventLog::EventLog(std::int64_t now_unix_ms, std::vector<store::EventRecord> stored,
                   std::size_t capacity)
    : next_id_(now_unix_ms * kIdsPerMs),
      capacity_(capacity),
      events_(std::make_move_iterator(stored.begin()), std::make_move_iterator(stored.end())) {
  if (!events_.empty()) next_id_ = std::max(next_id_, events_.back().id + 1);
  first_unsaved_ = next_id_;
}

std::vector<store::EventRecord> EventLog::unsaved() const { return after(first_unsaved_ - 1, {}); }

void EventLog::add(std::int64_t unix_ms, EventKind kind, std::string grant, std::string message) {
  store::EventRecord event{.id = next_id_++,
                           .unix_ms = unix_ms,
                           .kind = std::string(kind.code()),
                           .grant = std::move(grant),
                           .message = std::move(message)};
  telemetry::info(event.message, {{"event", event.kind}, {"grant", event.grant}});
  std::erase_if(followers_, [&event](const Follower& follower) {
    const bool wanted = follower.grant.empty() || follower.grant == event.grant;
    return wanted && !follower.sink->push(to_net(event));
  });
  events_.push_back(std::move(event));
  if (events_.size() > capacity_) events_.pop_front();
}

std::vector<store::EventRecord> EventLog::after(std::int64_t since, std::string_view grant) const {
  std::vector<store::EventRecord> found;
  for (const store::EventRecord& event : events_)
    if (event.id > since && (grant.empty() || event.grant == grant)) found.push_back(event);
  return found;
}

void EventLog::follow(std::shared_ptr<net::EventSink> sink, std::int64_t since, std::string grant) {
  for (const store::EventRecord& event : after(since, grant))
    if (!sink->push(to_net(event))) return;
  followers_.push_back({std::move(sink), std::move(grant)});
}

GrantFeed::GrantFeed(std::int64_t now_unix_ms, std::size_t capacity)
    : first_id_(static_cast<std::uint64_t>(now_unix_ms * kIdsPerMs)),
      next_id_(first_id_),
      capacity_(capacity) {}

bool GrantFeed::send(Follower& follower, std::uint64_t id, const std::string& grant_id) {
  const std::optional<std::string> text = follower.write(grant_id);
  if (!text) return true;  // forgotten meanwhile
  return follower.sink->push({.id = std::to_string(id), .type = "grant", .data = *text});
}

void GrantFeed::changed(const std::string& grant_id) {
  const std::uint64_t id = next_id_++;
  std::erase_if(followers_, [&](Follower& follower) { return !send(follower, id, grant_id); });
  changes_.push_back({id, grant_id});
  if (changes_.size() > capacity_) changes_.pop_front();
}

std::optional<std::vector<std::string>> GrantFeed::changed_after(std::uint64_t since) const {
  const std::uint64_t oldest = changes_.empty() ? next_id_ : changes_.front().id;
  if (since + 1 < oldest || since >= next_id_) return std::nullopt;
  std::vector<std::string> ids;
  for (const Change& change : changes_) {
    if (change.id <= since) continue;
    std::erase(ids, change.grant_id);
    ids.push_back(change.grant_id);
  }
  return ids;
}

void GrantFeed::follow(std::shared_ptr<net::EventSink> sink, Write write,
                       const std::vector<std::string>& first) {
  Follower follower{std::move(sink), std::move(write)};
  const std::uint64_t now = next_id_++;  // what is sent first is as new as this moment
  for (const std::string& id : first)
    if (!send(follower, now, id)) return;
  followers_.push_back(std::move(follower));
}

}  // namespace melon::agent

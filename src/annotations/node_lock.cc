// SPDX-License-Identifier: Apache-2.0
// Reads and writes the locks of nodes.
#include "annotations/node_lock.h"

#include <fmt/format.h>

#include <algorithm>

#include "annotations/detail/registration_json.h"
#include "base/time_text.h"

namespace melon::annotations {
namespace {

constexpr std::string_view kWhat = "node lock";
constexpr std::int64_t kMilliseconds = 1000;

/// "+08:00" in seconds.
Result<std::int64_t> offset_of(std::string_view zone) {
  if (zone.size() != 6 || zone[3] != ':')
    return detail::bad_text(kWhat, fmt::format("zone '{}' is not like +08:00", zone));
  MELON_TRY(const std::int64_t hours, detail::read_number(kWhat, "hours", zone.substr(1, 2)));
  MELON_TRY(const std::int64_t minutes, detail::read_number(kWhat, "minutes", zone.substr(4, 2)));
  const std::int64_t seconds = hours * 3600 + minutes * 60;
  return zone.front() == '-' ? -seconds : seconds;
}

}  // namespace

Result<std::int64_t> parse_zoned_time(std::string_view text) {
  constexpr std::size_t kDate = sizeof("2006-01-02T") - 1;
  const auto zone = text.find_first_of("+-", std::min(kDate, text.size()));
  if (zone == std::string_view::npos) {
    MELON_TRY(const std::int64_t ms, parse_rfc3339(text));
    return ms / kMilliseconds;
  }
  MELON_TRY(const std::int64_t offset, offset_of(text.substr(zone)));
  MELON_TRY(const std::int64_t ms, parse_rfc3339(std::string(text.substr(0, zone)) + "Z"));
  return ms / kMilliseconds - offset;
}

std::string encode_node_lock(const NodeLock& lock, vendors::LockKind kind) {
  std::string time = to_rfc3339(lock.unix_seconds * kMilliseconds);
  if (const auto point = time.find('.'); point != std::string::npos)
    time = time.substr(0, point) + "Z";
  if (kind == vendors::LockKind::kTimestamp) return time;
  return fmt::format("{},{},{}", time, lock.namespace_name, lock.pod);
}

Result<NodeLock> decode_node_lock(std::string_view text) {
  const auto first = text.find(',');
  NodeLock lock;
  MELON_TRY(lock.unix_seconds, parse_zoned_time(text.substr(0, first)));
  if (first == std::string_view::npos) return lock;
  const auto second = text.find(',', first + 1);
  if (second == std::string_view::npos)
    return detail::bad_text(kWhat, fmt::format("'{}' names no pod", text.substr(0, 80)));
  lock.namespace_name = text.substr(first + 1, second - first - 1);
  lock.pod = text.substr(second + 1);
  return lock;
}

LockAnswer ask_lock(const std::optional<std::string>& annotation, const vendors::Lock& rule,
                    const NodeLock& asker, LockHolder holder) {
  if (!annotation || rule.kind == vendors::LockKind::kNone) return LockAnswer::kFree;
  const auto lock = decode_node_lock(*annotation);
  if (!lock || asker.unix_seconds - lock->unix_seconds > rule.expires_seconds)
    return LockAnswer::kFree;
  const bool own =
      !lock->pod.empty() && lock->pod == asker.pod && lock->namespace_name == asker.namespace_name;
  if (own) return LockAnswer::kOwn;
  return holder == LockHolder::kGone ? LockAnswer::kFree : LockAnswer::kHeld;
}

}  // namespace melon::annotations

// SPDX-License-Identifier: Apache-2.0
// Judges handshakes between a scheduler and the plugins of nodes.
#include "annotations/handshake.h"

#include <fmt/format.h>

#include <algorithm>

#include "annotations/node_lock.h"
#include "base/time_text.h"

namespace melon::annotations {
namespace {

constexpr std::string_view kRequesting = "Requesting_";
constexpr std::string_view kDeleted = "Deleted_";
constexpr std::int64_t kPatienceSeconds = 60;
constexpr std::int64_t kMilliseconds = 1000;

/// Unix seconds of a local time or one of RFC 3339.
std::optional<std::int64_t> time_of(std::string_view text, const HandshakeClock& clock) {
  if (const auto zoned = parse_zoned_time(text)) return *zoned;
  constexpr std::size_t kLength = sizeof("2006-01-02 15:04:05") - 1;
  if (text.size() != kLength) return std::nullopt;
  std::string local(text);
  std::ranges::replace(local, '.', '-');
  std::ranges::replace(local, ' ', 'T');
  const auto utc = parse_rfc3339(local + "Z");
  if (!utc) return std::nullopt;
  return *utc / kMilliseconds - clock.utc_offset_seconds;
}

}  // namespace

std::string handshake_request(const HandshakeClock& clock) {
  std::string time =
      to_rfc3339((clock.unix_seconds + clock.utc_offset_seconds) * kMilliseconds).substr(0, 19);
  std::ranges::replace(time, 'T', ' ');
  return std::string(kRequesting) + time;
}

Aliveness judge_handshake(const std::optional<std::string>& value, std::int64_t allocatable,
                          const HandshakeClock& clock) {
  constexpr Aliveness kAlive{.healthy = true, .needs_update = false};
  constexpr Aliveness kAskAgain{.healthy = true, .needs_update = true};
  if (!value) return kAskAgain;
  const std::string_view text = *value;
  const bool requesting = text.starts_with(kRequesting);
  // A bare "Deleted" is a deletion whose time cannot be read.
  const bool deleted = text.starts_with(kDeleted.substr(0, kDeleted.size() - 1));
  if (!requesting && !deleted) return kAskAgain;
  const auto written = time_of(
      text.substr(std::min(text.size(), requesting ? kRequesting.size() : kDeleted.size())), clock);
  if (!written || clock.unix_seconds - *written < kPatienceSeconds) return kAlive;
  if (deleted) return kAskAgain;
  return {.healthy = allocatable > 0, .needs_update = false};
}

Aliveness judge_counts(std::int64_t allocatable, std::int64_t allocatable_before,
                       const Aliveness& by_handshake) {
  if (allocatable == 0 && allocatable_before > 0) return {.healthy = false, .needs_update = false};
  if (allocatable != allocatable_before) return {.healthy = true, .needs_update = true};
  return by_handshake;
}

}  // namespace melon::annotations

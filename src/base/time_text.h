// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace melon {

/// Milliseconds since 1970 as RFC 3339 in UTC: "2026-11-21T12:01:00.123Z". Defined for years 1970
/// to 9999; what lies outside is written as the nearest of them.
std::string to_rfc3339(std::int64_t unix_ms);

/// Reads what to_rfc3339() writes; the fraction may be absent or have 1 to 9 digits (cut to
/// milliseconds), and only the zone Z is known. Errors: kInvalidArgument.
Result<std::int64_t> parse_rfc3339(std::string_view text);

/// Parses "10s", "250ms", "5m", "2h", "1d" or a sum of them, largest first: "1h30m". Zero is
/// allowed
/// ("0s"); a plain number is refused. At most 3650 days. Errors: kInvalidArgument.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The shortest text that parse_duration() reads back: "1h30m", "0s", "250ms". Not negative.
std::string to_text(std::chrono::milliseconds duration);

}  // namespace melon

// SPDX-License-Identifier: Apache-2.0
// Points in time as RFC 3339, and spans of time as people write them.
#include "base/time_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <tl/expected.hpp>

namespace melon {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kLastUnixMs = 253'402'300'799'999;  // 9999-12-31T23:59:59.999Z
constexpr milliseconds kLongest = std::chrono::hours(24 * 3650);

struct Unit {
  std::string_view name;
  milliseconds length;
};

// Largest first: the order in which a sum is written.
constexpr std::array kUnits = {Unit{"d", std::chrono::hours(24)}, Unit{"h", std::chrono::hours(1)},
                               Unit{"m", std::chrono::minutes(1)},
                               Unit{"s", std::chrono::seconds(1)}, Unit{"ms", milliseconds(1)}};

/// The value of exactly `width` digits at `at`, if they are there.
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t width) {
  if (text.size() < at + width) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(at, width)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

/// The milliseconds of ".123Z" or "Z".
std::optional<int> fraction_ms(std::string_view text) {
  if (text == "Z") return 0;
  if (text.size() < 3 || text.size() > 11 || text.front() != '.' || text.back() != 'Z')
    return std::nullopt;
  const std::string_view fraction = text.substr(1, text.size() - 2);
  if (!digits(fraction, 0, fraction.size())) return std::nullopt;
  const std::string padded = std::string(fraction.substr(0, 3)) + "00";
  return digits(padded, 0, 3);
}

bool has_marks(std::string_view text) {
  return text.size() > 19 && text[4] == '-' && text[7] == '-' && text[10] == 'T' &&
         text[13] == ':' && text[16] == ':';
}

std::optional<std::int64_t> read_rfc3339(std::string_view text) {
  if (!has_marks(text)) return std::nullopt;
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  if (!year || !month || !day || *year < 1970) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  const auto hour = digits(text, 11, 2);
  const auto minute = digits(text, 14, 2);
  const auto second = digits(text, 17, 2);
  const auto ms = fraction_ms(text.substr(19));
  if (!date.ok() || !hour || !minute || !second || !ms) return std::nullopt;
  if (*hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return (((days * 24 + *hour) * 60 + *minute) * 60 + *second) * 1000 + *ms;
}

/// One summand of a duration, such as 30m.
struct Summand {
  std::int64_t count = 0;
  std::string_view unit;
};

using Wrong = tl::unexpected<std::string_view>;

/// Takes the summand off the front of `rest`; or says what is wrong with it.
tl::expected<Summand, std::string_view> take_summand(std::string_view& rest) {
  Summand summand;
  const auto [end, status] = std::from_chars(rest.data(), rest.data() + rest.size(), summand.count);
  if (status == std::errc::result_out_of_range) return Wrong("the number is too large");
  if (status != std::errc{} || rest.front() == '-') return Wrong("a number is expected");
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  summand.unit = rest.substr(0, std::min(rest.find_first_of("0123456789"), rest.size()));
  rest.remove_prefix(summand.unit.size());
  if (summand.unit.empty()) return Wrong("the unit is missing");
  return summand;
}

}  // namespace

std::string to_rfc3339(std::int64_t unix_ms) {
  const std::int64_t ms = std::clamp<std::int64_t>(unix_ms, 0, kLastUnixMs);
  constexpr std::int64_t kDayMs = 86'400'000;
  const std::chrono::sys_days day{std::chrono::days(ms / kDayMs)};
  const std::chrono::year_month_day date{day};
  const std::int64_t in_day = ms % kDayMs;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     in_day / 3'600'000, in_day / 60'000 % 60, in_day / 1000 % 60, in_day % 1000);
}

Result<std::int64_t> parse_rfc3339(std::string_view text) {
  if (const auto unix_ms = read_rfc3339(text)) return *unix_ms;
  return fail(Code::kInvalidArgument,
              fmt::format("time '{}': not a point in time between 1970 and 9999", text),
              "write UTC as in 2026-11-21T12:01:00Z");
}

Result<milliseconds> parse_duration(std::string_view text) {
  const auto bad = [text](std::string_view rule) {
    return fail(Code::kInvalidArgument, fmt::format("duration '{}': {}", text, rule),
                "write a number with d, h, m, s or ms, or a sum such as 1h30m; at most 3650d");
  };
  if (text.empty()) return bad("an amount is missing");
  std::string_view rest = text;
  milliseconds sum{0};
  std::size_t next_unit = 0;
  while (!rest.empty()) {
    const auto summand = take_summand(rest);
    if (!summand) return bad(summand.error());
    while (next_unit < kUnits.size() && kUnits.at(next_unit).name != summand->unit) ++next_unit;
    if (next_unit == kUnits.size()) return bad("units are d, h, m, s and ms, largest first");
    const milliseconds unit = kUnits.at(next_unit++).length;
    if (summand->count > kLongest / unit) return bad("longer than 3650 days");
    sum += summand->count * unit;
  }
  if (sum > kLongest) return bad("longer than 3650 days");
  return sum;
}

std::string to_text(milliseconds duration) {
  std::string text;
  for (const Unit& unit : kUnits) {
    const auto count = duration / unit.length;
    if (count > 0) text += fmt::format("{}{}", count, unit.name);
    duration -= count * unit.length;
  }
  return text.empty() ? "0s" : text;
}

}  // namespace melon

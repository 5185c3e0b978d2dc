// SPDX-License-Identifier: Apache-2.0
// Numbers and durations of flags, refused in the words of the command line.
#include "cli/number_flags.h"

#include <fmt/format.h>

#include "base/time_text.h"

namespace melon::cli {

Result<std::chrono::milliseconds> parse_flag(std::string_view flag, const std::string& typed,
                                             const DurationRange& range) {
  const auto refuse_as = [&](const std::string& message) {
    return fail(
        Code::kInvalidArgument, message,
        fmt::format("write {} to {}: a number with d, h, m, s or ms, or a sum such as 1h30m",
                    melon::to_text(range.shortest), melon::to_text(range.longest)));
  };
  const auto duration = parse_duration(typed);
  if (!duration) return refuse_as(fmt::format("{}: {}", flag, duration.error().message));
  if (*duration < range.shortest)
    return refuse_as(
        fmt::format("{} '{}' is shorter than {}", flag, typed, melon::to_text(range.shortest)));
  if (*duration > range.longest)
    return refuse_as(
        fmt::format("{} '{}' is longer than {}", flag, typed, melon::to_text(range.longest)));
  return *duration;
}

Result<> check_flag(std::string_view flag, std::optional<int> typed, int smallest, int largest) {
  if (!typed || (*typed >= smallest && *typed <= largest)) return {};
  return fail(Code::kInvalidArgument, fmt::format("{} {} is out of range", flag, *typed),
              fmt::format("write a whole number from {} to {}", smallest, largest));
}

}  // namespace melon::cli

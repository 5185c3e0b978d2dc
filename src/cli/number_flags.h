// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace melon::cli {

/// From `shortest` to `longest`, both accepted.
struct DurationRange {
  std::chrono::milliseconds shortest;
  std::chrono::milliseconds longest;
};

/// Whatever a duration can say.
constexpr DurationRange kAnyDuration{std::chrono::milliseconds(0), std::chrono::days(3650)};

/// The duration that a flag was given. Errors: kInvalidArgument, naming the flag, what is wrong and
/// which durations it takes.
Result<std::chrono::milliseconds> parse_flag(std::string_view flag, const std::string& typed,
                                             const DurationRange& range);

/// Refuses a number outside `smallest` to `largest`, naming the flag; an absent one is accepted.
Result<> check_flag(std::string_view flag, std::optional<int> typed, int smallest, int largest);

}  // namespace melon::cli

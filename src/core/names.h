// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/result.h"
#include "core/device.h"
#include "core/grant.h"
#include "core/request.h"

namespace melon::core {

/// The one spelling of each enumerator, in the CLI, the API, the database and metrics.
std::string_view to_text(Health value);
std::string_view to_text(Enforcement value);
std::string_view to_text(ShareMode value);
std::string_view to_text(Priority value);
std::string_view to_text(State value);

/// Errors: kInvalidArgument naming the word and the accepted ones.
Result<ShareMode> parse_share_mode(std::string_view text);
Result<Priority> parse_priority(std::string_view text);
Result<State> parse_state(std::string_view text);

constexpr int kSmallestWeight = 1;
constexpr int kLargestWeight = 10'000;
constexpr int kMostDevices = 16;  // of one grant
constexpr std::size_t kLongestName = 63;

/// A workload's name: 1 to 63 of [a-z0-9-], first and last not '-' (a DNS label, so that it fits
/// metrics, files and later Kubernetes). Errors: kInvalidArgument.
Result<> check_name(std::string_view name);

/// Checks what no parser of a single field can: weight and count ranges, burst's ceiling not below
/// its guarantee, max only with burst, hard and burst with compute, weighted without, one device
/// when it is named. Errors: kInvalidArgument.
Result<> check_request(const Request& request);

}  // namespace melon::core

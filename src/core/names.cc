// SPDX-License-Identifier: Apache-2.0
// The spelling of every enumerator, and the checks of names and requests as a whole.
#include "core/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace melon::core {
namespace {

template <class Enum, std::size_t kCount>
using Spelling = std::array<std::pair<Enum, std::string_view>, kCount>;

constexpr Spelling<Health, 3> kHealth = {
    {{Health::kHealthy, "healthy"}, {Health::kUnhealthy, "unhealthy"}, {Health::kHeld, "held"}}};
constexpr Spelling<Enforcement, 2> kEnforcement = {
    {{Enforcement::kNone, "none"}, {Enforcement::kShim, "shim"}}};
constexpr Spelling<ShareMode, 3> kShareMode = {
    {{ShareMode::kHard, "hard"}, {ShareMode::kWeighted, "weighted"}, {ShareMode::kBurst, "burst"}}};
constexpr Spelling<Priority, 3> kPriority = {
    {{Priority::kLow, "low"}, {Priority::kNormal, "normal"}, {Priority::kHigh, "high"}}};
constexpr Spelling<State, 7> kState = {{{State::kQueued, "queued"},
                                        {State::kReserved, "reserved"},
                                        {State::kRunning, "running"},
                                        {State::kSuspended, "suspended"},
                                        {State::kExited, "exited"},
                                        {State::kFailed, "failed"},
                                        {State::kLost, "lost"}}};

template <class Enum, std::size_t kCount>
std::string_view spell(const Spelling<Enum, kCount>& table, Enum value) {
  const auto found = std::ranges::find(table, value, &std::pair<Enum, std::string_view>::first);
  return found == table.end() ? std::string_view("unknown") : found->second;
}

template <class Enum, std::size_t kCount>
Result<Enum> read(const Spelling<Enum, kCount>& table, std::string_view what,
                  std::string_view text) {
  const auto found = std::ranges::find(table, text, &std::pair<Enum, std::string_view>::second);
  if (found != table.end()) return found->first;
  std::string accepted;
  for (const auto& [value, word] : table)
    accepted += fmt::format("{}{}", accepted.empty() ? "" : ", ", word);
  return fail(Code::kInvalidArgument, fmt::format("{} '{}': not one of {}", what, text, accepted),
              "use one of " + accepted);
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

Result<> check_share(const Request& request) {
  const ShareMode share = request.share_mode();
  if (share == ShareMode::kWeighted && request.compute)
    return fail(Code::kInvalidArgument,
                fmt::format("compute {} with share weighted: weighted tenants book no compute",
                            to_text(*request.compute)),
                "leave --compute out, or use --share hard or burst");
  if (share != ShareMode::kWeighted && !request.compute)
    return fail(Code::kInvalidArgument,
                fmt::format("share {} without compute: it needs to know how much", to_text(share)),
                "add --compute with a percentage such as 25%");
  if (!request.max_compute) return {};
  if (share != ShareMode::kBurst)
    return fail(Code::kInvalidArgument,
                fmt::format("max {} with share {}: only burst has a ceiling above what it books",
                            to_text(*request.max_compute), to_text(share)),
                "leave --max out, or use --share burst");
  if (*request.max_compute < *request.compute)
    return fail(Code::kInvalidArgument,
                fmt::format("max {} is below compute {}: a ceiling is not below its guarantee",
                            to_text(*request.max_compute), to_text(*request.compute)),
                fmt::format("use --max {} or more", to_text(*request.compute)));
  return {};
}

Result<> check_permille(std::string_view what, const std::optional<Permille>& value) {
  if (!value || (*value >= Permille(1) && *value <= kWholeDevice)) return {};
  return fail(Code::kInvalidArgument,
              fmt::format("{} {}: outside 0.1% to 100%", what, to_text(*value)),
              "use a percentage of one device from 0.1% to 100%");
}

}  // namespace

std::string_view to_text(Health value) { return spell(kHealth, value); }
std::string_view to_text(Enforcement value) { return spell(kEnforcement, value); }
std::string_view to_text(ShareMode value) { return spell(kShareMode, value); }
std::string_view to_text(Priority value) { return spell(kPriority, value); }
std::string_view to_text(State value) { return spell(kState, value); }

Result<ShareMode> parse_share_mode(std::string_view text) {
  return read(kShareMode, "share", text);
}
Result<Priority> parse_priority(std::string_view text) { return read(kPriority, "priority", text); }
Result<State> parse_state(std::string_view text) { return read(kState, "state", text); }

Result<> check_name(std::string_view name) {
  const auto bad = [name](std::string_view rule) {
    return fail(Code::kInvalidArgument,
                fmt::format("name '{}': {}", name.substr(0, kLongestName + 1), rule),
                "use 1 to 63 of a-z, 0-9 and '-', with a letter or digit at both ends");
  };
  if (name.empty()) return bad("a name is not empty");
  if (name.size() > kLongestName) return bad("longer than 63 characters");
  if (!std::ranges::all_of(name, is_name_character))
    return bad("only a-z, 0-9 and '-' are allowed");
  if (name.front() == '-' || name.back() == '-') return bad("'-' stands neither first nor last");
  return {};
}

Result<> check_request(const Request& request) {
  if (request.weight < kSmallestWeight || request.weight > kLargestWeight)
    return fail(
        Code::kInvalidArgument,
        fmt::format("weight {}: outside {} to {}", request.weight, kSmallestWeight, kLargestWeight),
        "use a whole number in that range; 100 is the default");
  if (request.count < 1 || request.count > kMostDevices)
    return fail(Code::kInvalidArgument,
                fmt::format("count {}: outside 1 to {}", request.count, kMostDevices),
                "ask for a number of devices in that range");
  if (!request.device.empty() && request.count > 1)
    return fail(Code::kInvalidArgument,
                fmt::format("count {} with device '{}': one device is named", request.count,
                            request.device),
                "leave --count or --device out; --type narrows the choice for several");
  MELON_RETURN_IF_ERROR(check_permille("compute", request.compute));
  MELON_RETURN_IF_ERROR(check_permille("max", request.max_compute));
  return check_share(request);
}

}  // namespace melon::core

// SPDX-License-Identifier: Apache-2.0
// Waits for workloads to change state.
#include "cli/waiting.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>
#include <utility>

#include "base/time_text.h"
#include "cli/api.h"
#include "cli/patience.h"
#include "cli/progress.h"
#include "core/grant.h"
#include "core/names.h"

namespace melon::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kPollMs = 250;

Result<core::State> state_of(const Json& grant) {
  return core::parse_state(text_of(grant, "state"));
}

/// Why a request waits; said once, on a terminal or not.
void say_why(const Session& session, const Json& grant) {
  const auto why = get(session, grant_target(text_of(grant, "id"), "/explain"));
  const bool refused = why && why->contains("refusal") && why->at("refusal").is_object();
  *session.err << fmt::format("melon: {} waits for room{}", text_of(grant, "name"),
                              refused ? refusal_text(why->at("refusal")) : "")
               << std::endl;
}

}  // namespace

Result<Json> wait_for_room(Session& session, const Json& queued, const HeldSignals& signals,
                           std::optional<int>& ended_by) {
  const std::string id = text_of(queued, "id");
  Progress progress(*session.err, text_of(queued, "name") + " waits");
  bool said = false;
  PatientReader reader(session, grant_target(id));
  Json grant = queued;
  while (true) {
    MELON_TRY(const core::State state, state_of(grant));
    if (core::holds_slices(state)) return grant;
    if (core::is_over(state))
      return fail(
          Code::kResourceExhausted,
          fmt::format("'{}' found no room: {}", text_of(grant, "name"), text_of(grant, "reason")),
          "wait longer, ask for less, or see what runs: melon ps");
    if (!std::exchange(said, true)) say_why(session, grant);
    progress.show();
    ended_by = signals.wait_for_end_request(kPollMs);
    if (ended_by) return grant;
    MELON_TRY(std::optional<Json> now, reader.read());
    if (now) grant = std::move(*now);
  }
}

Result<Json> wait_for_end(const Session& session, const std::string& name, std::string_view doing,
                          std::optional<milliseconds> limit) {
  const auto start = steady_clock::now();
  MELON_TRY(Json grant, get(session, grant_target(name)));
  Progress progress(*session.err, fmt::format("{} {}", text_of(grant, "name"), doing));
  PatientReader reader(session, grant_target(text_of(grant, "id")));
  while (true) {
    MELON_TRY(const core::State state, state_of(grant));
    if (core::is_over(state)) return grant;
    if (limit && steady_clock::now() - start >= *limit)
      return fail(Code::kInternal,
                  fmt::format("'{}' is still {} after {}", name, text_of(grant, "state"),
                              melon::to_text(*limit)),
                  fmt::format("wait longer, or end it: melon stop {}", name));
    progress.show();
    std::this_thread::sleep_for(milliseconds(kPollMs));
    MELON_TRY(std::optional<Json> now, reader.read());
    if (now) grant = std::move(*now);
  }
}

}  // namespace melon::cli

// SPDX-License-Identifier: Apache-2.0
// Waits for workloads to change state.
#include "cli/waiting.h"

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

#include "base/time_text.h"
#include "cli/api.h"
#include "cli/patience.h"
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

/// Says that and why a request waits, then how long on a terminal.
class Progress {
 public:
  explicit Progress(std::ostream& err) : err_(err), terminal_(isatty(STDERR_FILENO) == 1) {}
  ~Progress() {
    if (terminal_ && shown_) err_ << "\r\x1b[K" << std::flush;
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(const Session& session, const Json& grant) {
    const std::string name = text_of(grant, "name");
    if (!shown_) {
      const auto why = get(session, grant_target(text_of(grant, "id"), "/explain"));
      const bool refused = why && why->contains("refusal") && why->at("refusal").is_object();
      err_ << fmt::format("melon: {} waits for room{}", name,
                          refused ? refusal_text(why->at("refusal")) : "")
           << std::endl;
      shown_ = true;
    }
    if (!terminal_) return;
    const auto waited =
        std::chrono::duration_cast<std::chrono::seconds>(steady_clock::now() - start_);
    err_ << fmt::format("\r\x1b[Kmelon: {} waits, {} s", name, waited.count()) << std::flush;
  }

 private:
  std::ostream& err_;
  bool terminal_;
  bool shown_ = false;
  steady_clock::time_point start_ = steady_clock::now();
};

}  // namespace

Result<Json> wait_for_room(Session& session, const Json& queued, const HeldSignals& signals,
                           std::optional<int>& ended_by) {
  const std::string id = text_of(queued, "id");
  Progress progress(*session.err);
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
    progress.show(session, grant);
    ended_by = signals.wait_for_end_request(kPollMs);
    if (ended_by) return grant;
    MELON_TRY(std::optional<Json> now, reader.read());
    if (now) grant = std::move(*now);
  }
}

Result<Json> wait_for_end(const Session& session, const std::string& name,
                          std::optional<milliseconds> limit) {
  const auto start = steady_clock::now();
  MELON_TRY(Json grant, get(session, grant_target(name)));
  PatientReader reader(session, grant_target(text_of(grant, "id")));
  while (true) {
    MELON_TRY(const core::State state, state_of(grant));
    if (core::is_over(state)) return grant;
    if (limit && steady_clock::now() - start >= *limit)
      return fail(Code::kInternal,
                  fmt::format("'{}' is still {} after {}", name, text_of(grant, "state"),
                              melon::to_text(*limit)),
                  fmt::format("wait longer, or end it: melon stop {}", name));
    std::this_thread::sleep_for(milliseconds(kPollMs));
    MELON_TRY(std::optional<Json> now, reader.read());
    if (now) grant = std::move(*now);
  }
}

}  // namespace melon::cli

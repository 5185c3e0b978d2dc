// SPDX-License-Identifier: Apache-2.0
// `melon stop`: ends a workload's processes and gives its slice back.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "agent/requests.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/grant_table.h"
#include "cli/number_flags.h"
#include "cli/waiting.h"
#include "core/grant.h"
#include "core/names.h"

namespace melon::cli {
namespace {

using std::chrono::milliseconds;

struct Flags {
  std::string name;
  std::string grace = "10s";
  bool force = false;
};

// What the daemon may take beyond the grace, to kill and to notice.
constexpr milliseconds kSlack{15'000};

Result<int> stop(Session& session, const Flags& flags) {
  constexpr DurationRange kGrace{milliseconds(0),
                                 std::chrono::seconds(agent::kLongestGraceSeconds)};
  MELON_TRY(const milliseconds grace, parse_flag("--grace", flags.grace, kGrace));
  const Json body = {{"grace_seconds", (grace.count() + 999) / 1000}, {"force", flags.force}};
  MELON_TRY(const Json before, get(session, grant_target(flags.name)));
  MELON_TRY(const core::State state, core::parse_state(text_of(before, "state")));
  MELON_TRY(const Json stopping, send(session, "POST", grant_target(flags.name, "/stop"), body));
  MELON_TRY(const Json grant,
            wait_for_end(session, text_of(stopping, "id"), "is ending", grace + kSlack));
  if (session.structured()) {
    session.print({}, documented_grant(grant));
  } else {
    *session.out << fmt::format("{} {}\n", text_of(grant, "name"),
                                core::is_over(state) ? "had ended before" : "stopped");
  }
  return kOk;
}

}  // namespace

Command stop_command() {
  auto flags = std::make_shared<Flags>();
  return {.name = "stop",
          .summary = "End a workload: SIGTERM, after a grace SIGKILL",
          .description =
              "Reaches the whole program: every process that was started inside, also those that\n"
              "never used a device. It ends as exited, with the status that it had (143: SIGTERM,\n"
              "137: SIGKILL).",
          .parameters = {{.names = "NAME",
                          .target = &flags->name,
                          .text = "A workload's name or id",
                          .required = true},
                         {.names = "--grace",
                          .target = &flags->grace,
                          .value = "DURATION",
                          .text = "Time to end by itself (default 10s)"},
                         {.names = "--force", .target = &flags->force, .text = "SIGKILL at once"}},
          .examples = {{"melon stop web-1", "Ask it to end, insist after ten seconds"},
                       {"melon stop web-1 --force", "End it now"}},
          .run = [flags](Session& session) { return stop(session, *flags); }};
}

}  // namespace melon::cli

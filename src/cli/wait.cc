// SPDX-License-Identifier: Apache-2.0
// `melon wait`: returns when a workload is over.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/grant_table.h"
#include "cli/number_flags.h"
#include "cli/waiting.h"

namespace melon::cli {
namespace {

struct Flags {
  std::string name;
  std::optional<std::string> timeout;
};

Result<int> wait(Session& session, const Flags& flags) {
  std::optional<std::chrono::milliseconds> limit;
  if (flags.timeout) {
    MELON_TRY(limit, parse_flag("--timeout", *flags.timeout, kAnyDuration));
  }
  MELON_TRY(const Json grant, wait_for_end(session, flags.name, "is not over", limit));
  const std::string state = text_of(grant, "state");
  if (session.structured()) {
    session.print({}, documented_grant(grant));
  } else {
    const auto code = number_of(grant, "exit_code");
    *session.out << fmt::format("{} {}{}\n", text_of(grant, "name"), state,
                                code ? fmt::format(" {}", *code) : "");
  }
  const bool well = state == "exited" && number_of(grant, "exit_code") == 0;
  return well ? kOk : kFailed;
}

}  // namespace

Command wait_command() {
  auto flags = std::make_shared<Flags>();
  return {.name = "wait",
          .summary = "Wait until a workload is over",
          .description = "Prints how it ended. Exit code 0 when its program exited with 0, else 1.",
          .parameters = {{.names = "NAME",
                          .target = &flags->name,
                          .text = "A workload's name or id",
                          .required = true},
                         {.names = "--timeout",
                          .target = &flags->timeout,
                          .value = "DURATION",
                          .text = "Give up after this time"}},
          .examples = {{"melon wait web-1 && echo done", "Go on when it has exited with 0"}},
          .run = [flags](Session& session) { return wait(session, *flags); }};
}

}  // namespace melon::cli

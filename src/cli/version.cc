// SPDX-License-Identifier: Apache-2.0
// `melon version`: of this program, and of the daemon when one answers.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"

namespace melon::cli {
namespace {

Result<int> version(Session& session) {
  Json answer = {{"client", {{"version", MELON_VERSION}}}, {"daemon", nullptr}};
  if (const auto daemon = get(session, "/v1/version")) answer["daemon"] = *daemon;
  if (session.structured()) {
    session.print({}, answer);
    return kOk;
  }
  *session.out << fmt::format("melon {}\n", MELON_VERSION);
  if (answer["daemon"].is_null()) {
    *session.out << fmt::format("no daemon answers on '{}'\n", session.socket);
  } else {
    const Json& daemon = answer["daemon"];
    *session.out << fmt::format("daemon {} ({}), pid {}, user {}, state in {}\n",
                                text_of(daemon, "version"), text_of(daemon, "api"),
                                number_of(daemon, "pid").value_or(0), text_of(daemon, "user"),
                                text_of(daemon, "state_folder"));
  }
  return kOk;
}

}  // namespace

Command version_command() {
  return {.name = "version",
          .summary = "Show the version of this program and of the daemon",
          .examples = {{"melon version -o json", "Both, for programs"}},
          .run = version};
}

}  // namespace melon::cli

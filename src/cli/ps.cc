// SPDX-License-Identifier: Apache-2.0
// `melon ps`: workloads, their slices and what they really use.
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/grant_table.h"

namespace melon::cli {
namespace {

struct Flags {
  bool all = false;
};

Result<int> ps(Session& session, const Flags& flags) {
  MELON_TRY(const Json grants, get(session, flags.all ? "/v1/grants?all=true" : "/v1/grants"));
  Json documented = Json::array();
  for (const Json& grant : grants) documented.push_back(documented_grant(grant));
  session.print(grant_table(grants, now_unix_ms()), documented);
  return kOk;
}

}  // namespace

Command ps_command() {
  auto flags = std::make_shared<Flags>();
  return {.name = "ps",
          .summary = "List workloads, their slices and what they use",
          .description =
              "Of those that are over the latest 100 of each user are known, but at most 1000.",
          .parameters = {{.names = "-a,--all",
                          .target = &flags->all,
                          .text = "Also those that are over (exited, failed, lost)"}},
          .examples = {{"melon ps", "What waits, runs or is suspended"},
                       {"melon ps -a -o wide", "Everything known, with pids, flags and reasons"}},
          .run = [flags](Session& session) { return ps(session, *flags); }};
}

}  // namespace melon::cli

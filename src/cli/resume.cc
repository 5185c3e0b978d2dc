// SPDX-License-Identifier: Apache-2.0
// `melon resume`: lets a suspended workload go on.
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/grant_table.h"

namespace melon::cli {
namespace {

Result<int> resume(Session& session, const std::string& name) {
  MELON_TRY(const Json grant, send(session, "PATCH", grant_target(name), {{"suspended", false}}));
  session.print(grant_table(Json::array({grant}), now_unix_ms()), documented_grant(grant));
  return kOk;
}

}  // namespace

Command resume_command() {
  auto name = std::make_shared<std::string>();
  return {.name = "resume",
          .summary = "Let a suspended workload go on",
          .description = "",
          .parameters = {{.names = "NAME",
                          .target = name.get(),
                          .text = "A workload's name or id",
                          .required = true}},
          .examples = {{"melon resume web-1", "Its programs use the device again"}},
          .run = [name](Session& session) { return resume(session, *name); }};
}

}  // namespace melon::cli

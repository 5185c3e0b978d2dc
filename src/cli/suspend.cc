// SPDX-License-Identifier: Apache-2.0
// `melon suspend`: holds what a workload launches on its devices.
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/grant_table.h"

namespace melon::cli {
namespace {

Result<int> suspend(Session& session, const std::string& name) {
  MELON_TRY(const Json grant, send(session, "PATCH", grant_target(name), {{"suspended", true}}));
  session.print(grant_table(Json::array({grant}), now_unix_ms()), documented_grant(grant));
  return kOk;
}

}  // namespace

Command suspend_command() {
  auto name = std::make_shared<std::string>();
  return {.name = "suspend",
          .summary = "Hold a workload's launches on its devices",
          .description =
              "Its processes live on and keep their memory; only new work on the device waits.",
          .parameters = {{.names = "NAME",
                          .target = name.get(),
                          .text = "A workload's name or id",
                          .required = true}},
          .examples = {{"melon suspend web-1", "Its programs stop using the device"}},
          .run = [name](Session& session) { return suspend(session, *name); }};
}

}  // namespace melon::cli

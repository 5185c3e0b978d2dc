// SPDX-License-Identifier: Apache-2.0
// `melon explain`: why a workload runs where it does, or why it waits.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/grant_table.h"

namespace melon::cli {
namespace {

Result<int> explain(Session& session, const std::string& name) {
  MELON_TRY(const Json answer, get(session, grant_target(name, "/explain")));
  if (session.structured()) {
    session.print({}, answer);
    return kOk;
  }
  const std::string reason = text_of(answer, "reason");
  *session.out << fmt::format("{} ({}){}\n", text_of(answer, "name"), text_of(answer, "state"),
                              reason.empty() ? "" : ": " + printable(reason));
  for (const Json& slice : list_of(answer, "placements"))
    *session.out << fmt::format("  {}: {}, compute booked {}, at most {}\n",
                                text_of(slice, "device"),
                                memory_text(number_of(slice, "memory_mib")), booked_text(slice),
                                compute_text(number_of(slice, "ceiling_permille")));
  if (answer.contains("refusal") && answer["refusal"].is_object())
    *session.out << refusal_text(answer["refusal"]).substr(1) << '\n';
  return kOk;
}

}  // namespace

Command explain_command() {
  auto name = std::make_shared<std::string>();
  return {.name = "explain",
          .summary = "Say why a workload runs where it does, or why it waits",
          .parameters = {{.names = "NAME",
                          .target = name.get(),
                          .text = "A workload's name or id",
                          .required = true}},
          .examples = {{"melon explain web-1", "The device and the reason, or what is in the way"}},
          .run = [name](Session& session) { return explain(session, *name); }};
}

}  // namespace melon::cli

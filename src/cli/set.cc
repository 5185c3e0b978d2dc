// SPDX-License-Identifier: Apache-2.0
// `melon set`: changes a workload's slice while it runs.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/grant_table.h"
#include "cli/request_flags.h"

namespace melon::cli {
namespace {

struct Flags {
  std::string name;
  RequestFlags request;
};

// A limit below what is used is accepted: nothing new is given until enough is freed.
void tell_if_over(Session& session, const Json& grant) {
  for (const Json& slice : list_of(grant, "slices")) {
    const auto used = number_of(slice, "used_memory_mib");
    const auto limit = number_of(slice, "memory_mib");
    if (used && limit && *used > *limit)
      *session.err << fmt::format(
          "melon: {} uses {} on {}, above its limit of {}: new allocations are refused until it "
          "frees enough\n",
          text_of(grant, "name"), memory_text(used), text_of(slice, "device"), memory_text(limit));
  }
}

Result<int> set(Session& session, const Flags& flags) {
  MELON_TRY(const Json body, to_body(flags.request, session));
  if (body.empty())
    return fail(Code::kInvalidArgument, fmt::format("nothing to change of '{}'", flags.name),
                fmt::format("say what: melon set {} --compute 50%", flags.name));
  MELON_TRY(const Json grant, send(session, "PATCH", grant_target(flags.name), body));
  tell_if_over(session, grant);
  session.print(grant_table(Json::array({grant}), now_unix_ms()), documented_grant(grant));
  return kOk;
}

}  // namespace

Command set_command() {
  auto flags = std::make_shared<Flags>();
  Command command{
      .name = "set",
      .summary = "Change a workload's slice while it runs",
      .description =
          "Running programs follow within a second. Memory below what is used is\n"
          "accepted: new allocations are refused until enough is freed. A slice does not\n"
          "grow on a device that a workload waits for (melon run --wait).",
      .parameters = {{.names = "NAME",
                      .target = &flags->name,
                      .text = "A workload's name or id",
                      .required = true}},
      .examples = {{"melon set web-1 --compute 50%", "Half of the device's compute"},
                   {"melon set web-1 --memory 2GiB --priority high",
                    "More memory, and precedence"}},
      .run = [flags](Session& session) { return set(session, *flags); }};
  for (Parameter& parameter : changeable_parameters(flags->request))
    command.parameters.push_back(std::move(parameter));
  return command;
}

}  // namespace melon::cli

// SPDX-License-Identifier: Apache-2.0
// `melon exec`: enters a running workload's slice with a second program.
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/workload.h"

namespace melon::cli {
namespace {

struct Flags {
  std::string name;
  Trailing command;
};

Result<int> enter_and_attend(Session& session, const Flags& flags, const std::string& program) {
  MELON_TRY(const Json grant, get(session, grant_target(flags.name)));
  MELON_TRY(const Workload workload, enter(session, grant));
  const Launch launch = prepare(session, workload, program, flags.command);
  const HeldSignals signals;
  const auto pid = start_inside(session, workload, launch, signals);
  if (!pid) return end_unstarted(session, pid.error());
  return attend(*pid, signals).exit_code;
}

Result<int> exec(Session& session, const Flags& flags) {
  if (flags.command.empty())
    return fail(Code::kInvalidArgument, "no program to run",
                "put it behind '--': melon exec " + flags.name + " -- bash");
  const auto program = find_program(flags.command.front(), search_path());
  if (!program) return end_unstarted(session, {.error = program.error(), .by_program = true});
  return enter_and_attend(session, flags, *program);
}

}  // namespace

Command exec_command() {
  auto flags = std::make_shared<Flags>();
  return {.name = "exec",
          .summary = "Run a second program inside a workload's slice",
          .description =
              "A shell, a notebook: it shares the workload's limits. Standard streams,\n"
              "signals and the exit status are the program's own, as with run.",
          .parameters = {{.names = "NAME",
                          .target = &flags->name,
                          .text = "A workload's name or id",
                          .required = true}},
          .examples = {{"melon exec web-1 -- bash", "A shell inside the slice"},
                       {"melon exec web-1 -- clinfo", "What programs inside it see"}},
          .run = [flags](Session& session) { return exec(session, *flags); },
          .trailing = &flags->command,
          .exit_rule = ExitRule::kProgram};
}

}  // namespace melon::cli

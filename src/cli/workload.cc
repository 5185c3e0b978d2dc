// SPDX-License-Identifier: Apache-2.0
// Enters a grant with a program, and notes how it ended.
#include "cli/workload.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/api.h"
#include "cli/exit_code.h"

namespace melon::cli {
namespace {

Json ending_body(pid_t program, const Ending& ending) {
  Json body = {{"pid", program}};
  if (ending.signal)
    body["signal"] = *ending.signal;
  else
    body["exit_code"] = ending.exit_code;
  return body;
}

}  // namespace

std::string search_path() {
  const char* const path = std::getenv("PATH");
  return path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
}

std::string private_folder(const Workload& workload) { return workload.folder + "/private"; }

Result<Workload> enter(const Session& session, const Json& grant) {
  Workload workload{.id = text_of(grant, "id"),
                    .name = text_of(grant, "name"),
                    .folder = text_of(grant, "folder"),
                    .variables = {}};
  MELON_TRY(const Json answer, get(session, grant_target(workload.id, "/environment")));
  const auto variables = answer.find("environment");
  if (variables == answer.end() || !variables->is_object())
    return fail(Code::kInternal, "the daemon's answer has no environment",
                "compare the versions of both sides: melon version");
  for (const auto& [name, value] : variables->items()) {
    if (value.is_string()) workload.variables[name] = value.get<std::string>();
  }
  return workload;
}

Started<pid_t> start_inside(const Session& session, const Workload& workload, const Launch& launch,
                            const HeldSignals& signals) {
  auto program = HeldProgram::start(launch, signals);
  if (!program) return tl::unexpected(StartFailure{program.error()});
  const auto registered =
      send(session, "POST", grant_target(workload.id, "/processes"), {{"pid", program->pid()}});
  if (!registered) return tl::unexpected(StartFailure{registered.error()});
  if (const auto released = program->release(); !released)
    return tl::unexpected(StartFailure{released.error(), true});
  return program->pid();
}

Result<int> end_unstarted(const Session& session, const StartFailure& failure) {
  if (!failure.by_program) return tl::unexpected<Error>(failure.error);
  print_error(*session.err, failure.error);
  return failure.error.code == Code::kNotFound ? kProgramNotFound : kNotExecutable;
}

void record_ending(const Session& session, const Workload& workload, pid_t program,
                   const Ending& ending) {
  const Json body = ending_body(program, ending);
  if (!workload.folder.empty()) {
    std::ofstream file(private_folder(workload) + "/exit", std::ios::trunc);
    file << ending.exit_code << '\n';
  }
  const auto told = send(session, "POST", grant_target(workload.id, "/exit"), body);
  (void)told;  // a daemon that is down reads the file when it is back
}

void release(const Session& session, const std::string& id) {
  const auto released = send(session, "DELETE", grant_target(id, "?force=true"), Json());
  (void)released;  // gone already, or its time to live ends it
}

Launch prepare(const Session& session, const Workload& workload, const std::string& program_path,
               const std::vector<std::string>& command) {
  const Program program = examine_program(program_path, search_path());
  for (const std::string& warning : program.warnings)
    *session.err << fmt::format("melon: warning: {}\n", warning);
  return {.path = program.path,
          .arguments = command,
          .environment =
              merge_environment(own_environment(), workload.variables, program.takes_preload),
          .output = std::nullopt};
}

}  // namespace melon::cli

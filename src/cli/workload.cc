// SPDX-License-Identifier: Apache-2.0
// Enters a grant with a program, and notes how it ended.
#include "cli/workload.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/api.h"

namespace melon::cli {
namespace {

Json ending_body(const Ending& ending) {
  if (ending.signal) return {{"signal", *ending.signal}};
  return {{"exit_code", ending.exit_code}};
}

}  // namespace

std::string search_path() {
  const char* const path = std::getenv("PATH");
  return path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
}

std::string private_folder(const Workload& workload) { return workload.folder + "/private"; }

Result<Workload> enter(const Session& session, const Json& grant) {
  Workload workload{
      .name = text_of(grant, "name"), .folder = text_of(grant, "folder"), .variables = {}};
  MELON_TRY(const Json answer, get(session, grant_target(workload.name, "/environment")));
  const auto variables = answer.find("environment");
  if (variables == answer.end() || !variables->is_object())
    return fail(Code::kInternal, "the daemon's answer has no environment",
                "compare the versions of both sides: melon version");
  for (const auto& [name, value] : variables->items()) {
    if (value.is_string()) workload.variables[name] = value.get<std::string>();
  }
  return workload;
}

Result<pid_t> start_inside(const Session& session, const Workload& workload, const Launch& launch,
                           const HeldSignals& signals, bool& executing) {
  executing = false;
  MELON_TRY(HeldProgram program, HeldProgram::start(launch, signals));
  MELON_TRY(const Json registered, send(session, "POST", grant_target(workload.name, "/processes"),
                                        {{"pid", program.pid()}}));
  executing = true;
  MELON_RETURN_IF_ERROR(program.release());
  return program.pid();
}

void record_ending(const Session& session, const Workload& workload, const Ending& ending) {
  const Json body = ending_body(ending);
  if (!workload.folder.empty()) {
    std::ofstream file(private_folder(workload) + "/exit", std::ios::trunc);
    file << ending.exit_code << '\n';
  }
  const auto told = send(session, "POST", grant_target(workload.name, "/exit"), body);
  (void)told;  // a daemon that is down reads the file when it is back
}

void release(const Session& session, const std::string& name) {
  const auto released = send(session, "DELETE", grant_target(name, "?force=true"), Json());
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

// SPDX-License-Identifier: Apache-2.0
// `melon env`: what a container or service must have to run inside a workload's slice.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/shell_word.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/program.h"

namespace melon::cli {
namespace {

struct Flags {
  std::string name;
  bool docker = false;
};

std::string shell_lines(const Json& environment) {
  std::string lines;
  for (const auto& [name, value] : environment.items()) {
    // What the shell has of the joined ones stays behind ours.
    const std::string rest = is_joined(name) ? fmt::format("${{{0}:+:${0}}}", name) : "";
    lines += fmt::format("export {}={}{}\n", name, shell_word(value.get<std::string>()), rest);
  }
  return lines;
}

std::string docker_options(const Json& answer) {
  std::string options;
  for (const Json& mount : list_of(answer, "mounts"))
    options += fmt::format("--volume {} ",
                           shell_word(text_of(mount, "source") + ":" + text_of(mount, "target") +
                                      (flag_of(mount, "read_only") ? ":ro" : "")));
  for (const auto& [name, value] : answer.at("environment").items())
    options += fmt::format("--env {} ", shell_word(name + "=" + value.get<std::string>()));
  if (!options.empty()) options.back() = '\n';
  return options;
}

Result<int> env(Session& session, const Flags& flags) {
  MELON_TRY(const Json answer, get(session, grant_target(flags.name, "/environment")));
  if (!answer.contains("environment"))
    return fail(Code::kInternal, "the daemon's answer has no environment",
                "compare the versions of both sides: melon version");
  if (session.structured()) {
    session.print({}, answer);
  } else {
    *session.out << (flags.docker ? docker_options(answer) : shell_lines(answer["environment"]));
  }
  return kOk;
}

}  // namespace

Command env_command() {
  auto flags = std::make_shared<Flags>();
  return {
      .name = "env",
      .summary = "Print what to set or mount to run inside a workload's slice",
      .parameters = {{.names = "NAME",
                      .target = &flags->name,
                      .text = "A workload's name or id",
                      .required = true},
                     {.names = "--docker",
                      .target = &flags->docker,
                      .text = "As options of docker run or podman run"}},
      .examples = {{"eval \"$(melon env web-1)\"", "Let this shell's programs enter the slice"},
                   {"eval docker run $(melon env box --docker) IMAGE", "A container inside it"}},
      .run = [flags](Session& session) { return env(session, *flags); }};
}

}  // namespace melon::cli

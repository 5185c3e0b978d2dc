// SPDX-License-Identifier: Apache-2.0
// `melon completion`: scripts that complete commands, options, workloads and devices.
#include "cli/completion.h"

#include <fmt/format.h>

#include <memory>
#include <ostream>
#include <span>

#include "base/embedded.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/exit_code.h"

namespace melon::embedded {
std::span<const File> completion_files();
}  // namespace melon::embedded

namespace melon::cli {
namespace {

// "-a --all" of "-a,--all".
std::vector<std::string> spellings(const Parameter& parameter) {
  if (parameter.is_positional()) return {};
  const auto comma = parameter.names.find(',');
  if (comma == std::string::npos) return {parameter.names};
  return {parameter.names.substr(0, comma), parameter.names.substr(comma + 1)};
}

std::string words(const Command& command) {
  GlobalFlags unused;
  std::string text;
  const auto add = [&text](const std::string& word) { text += (text.empty() ? "" : " ") + word; };
  for (const Command& child : command.children) add(child.name);
  for (const Parameter& parameter : command.parameters)
    for (const std::string& spelling : spellings(parameter)) add(spelling);
  for (const Parameter& parameter : global_parameters(unused))
    for (const std::string& spelling : spellings(parameter)) add(spelling);
  return text;
}

std::string names(const std::vector<Command>& commands) {
  std::string text;
  for (const Command& command : commands) {
    if (!command.hidden) text += (text.empty() ? "" : " ") + command.name;
  }
  return text;
}

// Commands whose first argument is a workload.
std::string takers_of_names(const std::vector<Command>& commands, const char* between) {
  std::string text;
  for (const Command& command : commands) {
    for (const Parameter& parameter : command.parameters) {
      if (parameter.names == "NAME") text += (text.empty() ? "" : between) + command.name;
    }
  }
  return text;
}

void replace(std::string& text, const std::string& mark, const std::string& with) {
  text.replace(text.find(mark), mark.size(), with);
}

std::string bash_script(const std::vector<Command>& commands) {
  std::string cases;
  for (const Command& command : commands) {
    if (!command.hidden)
      cases += fmt::format("    {}) words=\"{}\" ;;\n", command.name, words(command));
  }
  std::string script(embedded::completion_files().front().content);
  replace(script, "@COMMANDS@", names(commands));
  replace(script, "@CASES@", cases);
  replace(script, "@TAKERS_OF_NAMES@", takers_of_names(commands, "|"));
  return script;
}

std::string in_single_quotes(const std::string& text) {
  std::string quoted;
  for (const char c : text) quoted += c == '\'' ? std::string("\\'") : std::string(1, c);
  return "'" + quoted + "'";
}

std::string fish_option(const std::string& command, const Parameter& parameter) {
  std::string line = fmt::format("complete -c melon -n '__fish_seen_subcommand_from {}'", command);
  for (const std::string& spelling : spellings(parameter))
    line += spelling.starts_with("--") ? " -l " + spelling.substr(2) : " -s " + spelling.substr(1);
  if (!parameter.value.empty()) line += " -r";
  return line + " -d " + in_single_quotes(parameter.text) + "\n";
}

std::string fish_script(const std::vector<Command>& commands) {
  std::string script = "complete -c melon -f\n";
  for (const Command& command : commands) {
    if (command.hidden) continue;
    script += fmt::format("complete -c melon -n __fish_use_subcommand -a {} -d {}\n", command.name,
                          in_single_quotes(command.summary));
    for (const Parameter& parameter : command.parameters) {
      if (!parameter.is_positional()) script += fish_option(command.name, parameter);
    }
  }
  script += fmt::format(
      "complete -c melon -n '__fish_seen_subcommand_from {}' -a "
      "'(melon ps --no-headers 2>/dev/null | string match -r \"^\\S+\")'\n",
      takers_of_names(commands, " "));
  return script;
}

Result<int> completion(Session& session, const std::string& shell) {
  const auto script = completion_script(shell, commands());
  if (!script)
    return fail(Code::kInvalidArgument, fmt::format("no completion for the shell '{}'", shell),
                "bash, zsh and fish have one");
  *session.out << *script;
  return kOk;
}

}  // namespace

std::optional<std::string> completion_script(const std::string& shell,
                                             const std::vector<Command>& commands) {
  if (shell == "bash") return bash_script(commands);
  if (shell == "zsh")
    return "#compdef melon\nautoload -U +X bashcompinit && bashcompinit\n" + bash_script(commands);
  if (shell == "fish") return fish_script(commands);
  return std::nullopt;
}

Command completion_command() {
  auto shell = std::make_shared<std::string>();
  return {.name = "completion",
          .summary = "Print a shell's completion script",
          .parameters = {{.names = "SHELL",
                          .target = shell.get(),
                          .text = "bash, zsh or fish",
                          .required = true}},
          .examples = {{"source <(melon completion bash)", "Complete in this shell"}},
          .run = [shell](Session& session) { return completion(session, *shell); }};
}

}  // namespace melon::cli

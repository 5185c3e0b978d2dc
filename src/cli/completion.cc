// SPDX-License-Identifier: Apache-2.0
// `melon completion`: scripts that complete commands, options, workloads and devices.
#include "cli/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
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

// "table wide json yaml"; empty where any value may stand.
std::string values(const Parameter& parameter) {
  return fmt::format(
      "{}", fmt::join(parameter.choices.empty() ? parameter.offered : parameter.choices, " "));
}

// For each option whose value is one of a few words, the case that offers them.
std::string cases_of_values(const std::vector<Command>& commands) {
  GlobalFlags unused;
  std::map<std::string, std::string> known;
  const auto add = [&known](const std::vector<Parameter>& parameters) {
    for (const Parameter& parameter : parameters) {
      const std::string names = fmt::format("{}", fmt::join(spellings(parameter), "|"));
      if (!values(parameter).empty() && !names.empty()) known[names] = values(parameter);
    }
  };
  add(global_parameters(unused));
  for (const Command& command : commands) add(command.parameters);
  std::string cases;
  for (const auto& [names, words] : known)
    cases += fmt::format("    {}) COMPREPLY=($(compgen -W \"{}\" -- \"$current\")); return ;;\n",
                         names, words);
  return cases;
}

void replace(std::string& text, const std::string& mark, const std::string& with) {
  text.replace(text.find(mark), mark.size(), with);
}

// The embedded file of that ending.
std::string_view file_of(std::string_view ending) {
  for (const embedded::File& file : embedded::completion_files()) {
    if (std::string_view(file.name).ends_with(ending)) return file.content;
  }
  return {};
}

std::string bash_script(const std::vector<Command>& commands) {
  std::string cases;
  for (const Command& command : commands) {
    if (!command.hidden)
      cases += fmt::format("    {}) words=\"{}\" ;;\n", command.name, words(command));
  }
  std::string script(file_of(".bash"));
  replace(script, "@CHOICES@", cases_of_values(commands));
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

constexpr std::string_view kFiles[] = {"PATH", "DIR", "FILE"};  // values that are names of files

// `where`: when it is offered, as fish's `-n` takes it.
std::string fish_option(const std::string& where, const Parameter& parameter) {
  std::string line = fmt::format("complete -c melon -n '{}'", where);
  for (const std::string& spelling : spellings(parameter))
    line += spelling.starts_with("--") ? " -l " + spelling.substr(2) : " -s " + spelling.substr(1);
  const bool names_a_file = std::ranges::count(kFiles, parameter.value) > 0;
  if (!parameter.value.empty()) line += names_a_file ? " -r -F" : " -x";
  if (const std::string known = values(parameter); !known.empty())
    line += fmt::format(" -a '{}'", known);
  if (parameter.names == "--device")
    line += " -a '(melon devices --no-headers 2>/dev/null | string match -r \"^\\S+\")'";
  return line + " -d " + in_single_quotes(parameter.text) + "\n";
}

std::string fish_command(const Command& command) {
  std::string script = fmt::format("complete -c melon -n __melon_no_command -a {} -d {}\n",
                                   command.name, in_single_quotes(command.summary));
  const std::string inside = "__melon_in " + command.name;
  for (const Command& child : command.children)
    script += fmt::format(
        "complete -c melon -n '{}; and not contains {} (commandline -opc)' -a {} -d {}\n", inside,
        child.name, child.name, in_single_quotes(child.summary));
  for (const Parameter& parameter : command.parameters) {
    if (!parameter.is_positional()) script += fish_option(inside, parameter);
  }
  return script;
}

std::string fish_script(const std::vector<Command>& commands) {
  std::string script(file_of(".fish"));
  for (const Command& command : commands) {
    if (!command.hidden) script += fish_command(command);
  }
  GlobalFlags unused;
  for (const Parameter& parameter : global_parameters(unused))
    script += fish_option("not __melon_in_program", parameter);
  script += fmt::format(
      "complete -c melon -n '__melon_in {}' -a "
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
    return "#compdef melon\nautoload -U +X bashcompinit && bashcompinit\n" + bash_script(commands) +
           // From a folder of functions it is first read by the first completion, which it then
           // makes.
           "if [ \"$funcstack[1]\" = _melon ]; then _bash_complete -o default -F _melon; fi\n";
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

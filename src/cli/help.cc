// SPDX-License-Identifier: Apache-2.0
// Help texts and the CLI's reference page, derived from the commands.
#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/command_line.h"

namespace melon::cli {
namespace {

std::string left_column(const Parameter& parameter) {
  std::string names = parameter.names;
  if (const auto comma = names.find(','); comma != std::string::npos) names.insert(comma + 1, " ");
  if (!names.starts_with("-") || parameter.value.empty()) return names;
  return names +
         (parameter.value_may_be_absent ? "[=" + parameter.value + "]" : " " + parameter.value);
}

std::string right_column(const Parameter& parameter) { return parameter.text; }

std::string section(const std::string& title, const std::vector<Parameter>& parameters) {
  if (parameters.empty()) return "";
  std::size_t width = 0;
  for (const Parameter& p : parameters) width = std::max(width, left_column(p).size());
  std::string text = "\n" + title + "\n";
  for (const Parameter& p : parameters)
    text += fmt::format("  {:<{}}  {}\n", left_column(p), width, right_column(p));
  return text;
}

std::vector<Parameter> positionals(const Command& command, bool wanted) {
  std::vector<Parameter> chosen;
  std::ranges::copy_if(command.parameters, std::back_inserter(chosen),
                       [wanted](const Parameter& p) { return p.is_positional() == wanted; });
  return chosen;
}

std::string list_of_commands(const std::vector<Command>& commands) {
  std::string text;
  for (const Command& command : commands) {
    if (!command.hidden) text += fmt::format("  {:<12}{}\n", command.name, command.summary);
  }
  return text;
}

void append_reference(std::string& page, std::vector<const Command*> path, const Command& command) {
  if (command.hidden) return;
  path.push_back(&command);
  std::string name = "melon";
  for (const Command* part : path) name += " " + part->name;
  std::string body = help_text(path);
  page += fmt::format("\n## {}\n\n```\n{}```\n", name, body);
  for (const Command& child : command.children) append_reference(page, path, child);
}

}  // namespace

std::string usage_line(const std::vector<const Command*>& path) {
  const Command& command = *path.back();
  std::string line = "melon";
  for (const Command* part : path) line += " " + part->name;
  if (!positionals(command, false).empty()) line += " [OPTIONS]";
  for (const Parameter& p : positionals(command, true))
    line += p.required ? " " + p.names : " [" + p.names + "]";
  if (!command.children.empty()) line += command.run ? " [COMMAND]" : " COMMAND";
  if (command.trailing != nullptr) line += " -- PROGRAM [ARGUMENTS...]";
  return line;
}

std::string help_text(const std::vector<const Command*>& path) {
  const Command& command = *path.back();
  std::string text = command.summary + "\n\nUsage: " + usage_line(path) + "\n";
  if (!command.description.empty()) text += "\n" + command.description + "\n";
  if (!command.children.empty()) text += "\nCommands\n" + list_of_commands(command.children);
  text += section("Arguments", positionals(command, true));
  text += section("Options", positionals(command, false));
  GlobalFlags unused;
  text += section("Options of every command", global_parameters(unused));
  if (!command.examples.empty()) text += "\nExamples\n";
  for (const Example& example : command.examples)
    text += fmt::format("  {}\n      {}\n", example.line, example.text);
  return text;
}

std::string overview(const std::vector<Command>& commands) {
  GlobalFlags unused;
  return "Melon slices accelerators between programs: hard memory limits, honest compute "
         "shares.\n\n"
         "Usage: melon COMMAND [OPTIONS]\n\nCommands\n" +
         list_of_commands(commands) +
         section("Options of every command", global_parameters(unused)) +
         "\nExamples\n"
         "  melon up --detach\n      Start the daemon of this machine\n"
         "  melon run --name web-1 --memory 1GiB --compute 25% -- hashcat -m 0 hashes.txt "
         "words.txt\n"
         "      Run a program inside a slice\n"
         "  melon COMMAND --help\n      Options and examples of one command\n";
}

std::string reference_page(const std::vector<Command>& commands) {
  std::string page = "# Commands\n\n<!-- Generated from src/cli by `make reference`. -->\n\n```\n" +
                     overview(commands) + "```\n";
  for (const Command& command : commands) append_reference(page, {}, command);
  return page;
}

}  // namespace melon::cli

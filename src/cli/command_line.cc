// SPDX-License-Identifier: Apache-2.0
// Parses command lines: the only file that knows CLI11.
#include "cli/command_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <optional>

#include "cli/exit_code.h"
#include "cli/help.h"
#include "cli/suggest.h"
#include "cli/terminal.h"

namespace melon::cli {
namespace {

constexpr std::string_view kNotWhole = " is not a whole number";

/// Digits, perhaps behind a minus; a leading zero would leave the base in doubt.
bool is_decimal(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool digits_alone = text.find_first_not_of("0123456789") == std::string_view::npos;
  return !text.empty() && digits_alone && (text == "0" || !text.starts_with('0'));
}

CLI::Option* add_valued(CLI::App& app, const Parameter& parameter) {
  return std::visit(
      [&](auto* target) -> CLI::Option* {
        using T = std::remove_pointer_t<decltype(target)>;
        if constexpr (std::is_same_v<T, bool>) {
          return app.add_flag(parameter.names, *target);
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          // An option's value is one word; what no option takes may be many.
          return app.add_option(parameter.names, *target)
              ->allow_extra_args(!parameter.names.starts_with("-"));
        } else if constexpr (std::is_same_v<T, std::optional<int>>) {
          // The parser takes an empty value for an absent one, and 0x10 and 010 for numbers.
          return app.add_option(parameter.names, *target)->check([](const std::string& text) {
            return is_decimal(text) ? "" : fmt::format("'{}'{}", text, kNotWhole);
          });
        } else {
          return app.add_option(parameter.names, *target);
        }
      },
      parameter.target);
}

void add_parameter(CLI::App& app, const Parameter& parameter) {
  CLI::Option* const option = add_valued(app, parameter);
  if (parameter.required) option->required();
  if (parameter.value_may_be_absent) option->expected(0, 1);
  if (!parameter.choices.empty()) option->check(CLI::IsMember(parameter.choices));
}

void add_command(CLI::App& parent, const Command& command) {
  CLI::App* const app = parent.add_subcommand(command.name, command.summary);
  app->set_help_flag();
  app->fallthrough();
  for (const Parameter& parameter : command.parameters) add_parameter(*app, parameter);
  for (const Command& child : command.children) add_command(*app, child);
}

/// The chain of commands that the words name, outermost first.
using Path = std::vector<const Command*>;

const Command* find(const std::vector<Command>& commands, const std::string& name) {
  const auto at = std::ranges::find(commands, name, &Command::name);
  return at == commands.end() ? nullptr : &*at;
}

Path named_path(const std::vector<Command>& commands, const std::vector<std::string>& words) {
  Path path;
  const std::vector<Command>* level = &commands;
  for (const std::string& word : words) {
    if (word.starts_with("-")) continue;
    const Command* const next = find(*level, word);
    if (next == nullptr) {
      if (path.empty()) continue;
      break;
    }
    path.push_back(next);
    level = &next->children;
  }
  return path;
}

Path parsed_path(const std::vector<Command>& commands, const CLI::App& root) {
  Path path;
  const std::vector<Command>* level = &commands;
  const CLI::App* app = &root;
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
    path.push_back(find(*level, app->get_name()));
    level = &path.back()->children;
  }
  return path;
}

std::vector<std::string> visible_names(const std::vector<Command>& commands) {
  std::vector<std::string> names;
  for (const Command& command : commands) {
    if (!command.hidden) names.push_back(command.name);
  }
  return names;
}

std::vector<std::string> option_names(const Command* command) {
  GlobalFlags unused;
  std::vector<std::string> names = {"--help"};
  const auto append = [&names](const std::vector<Parameter>& parameters) {
    for (const Parameter& p : parameters) {
      if (!p.is_positional()) names.push_back(p.names.substr(p.names.find("--")));
    }
  };
  append(global_parameters(unused));
  if (command != nullptr) append(command->parameters);
  return names;
}

std::string guess(const std::string& word, const std::vector<std::string>& known) {
  const auto meant = suggest(word, known);
  return meant ? fmt::format("; did you mean '{}'?", *meant) : "";
}

// What to say of a word that nothing expected.
std::string unexpected(const std::vector<Command>& commands, const Path& path,
                       const std::vector<std::string>& extras) {
  const std::string& word = extras.front();
  const Command* const command = path.empty() ? nullptr : path.back();
  if (word.starts_with("-")) {
    const std::string name = word.substr(0, word.find('='));
    return fmt::format("unknown option '{}'{}", name, guess(name, option_names(command)));
  }
  if (command == nullptr)
    return fmt::format("unknown command '{}'{}", word, guess(word, visible_names(commands)));
  if (!command->children.empty())
    return fmt::format("unknown command '{} {}'{}", command->name, word,
                       guess(word, visible_names(command->children)));
  if (command->trailing != nullptr)
    return fmt::format(
        "unexpected argument '{}': the program stands behind '--', as in: melon {} "
        "-- {}",
        word, command->name, word);
  return fmt::format("unexpected argument '{}' of 'melon {}'", word, command->name);
}

// The parser's message in Melon's words, which name the input and the rule.
// "a,b" as people write it.
std::string spaced(std::string list) {
  for (auto comma = list.find(','); comma != std::string::npos; comma = list.find(',', comma + 1))
    list.insert(comma + 1, " ");
  return list;
}

std::string to_message(const CLI::ParseError& error) {
  std::string text = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    const bool repeated = text.find("At Most") != std::string::npos;
    return fmt::format("{} {}", text.substr(0, text.find(':')),
                       repeated ? "is given more than once" : "needs a value");
  }
  if (const auto quoted = text.find(": '");
      text.ends_with(kNotWhole) && quoted != std::string::npos)
    return text.erase(quoted, 1);
  constexpr std::string_view kNotConverted = "Could not convert: ";
  const auto equals = text.find(" = ");
  if (text.starts_with(kNotConverted) && equals != std::string::npos)
    return fmt::format("{} '{}' is not a whole number that fits",
                       text.substr(kNotConverted.size(), equals - kNotConverted.size()),
                       text.substr(equals + 3));
  const auto colon = text.find(": ");
  const auto rule = text.find(" not in {");
  if (colon != std::string::npos && rule != std::string::npos)
    return fmt::format("{} '{}' is not one of {}", text.substr(0, colon),
                       text.substr(colon + 2, rule - colon - 2),
                       spaced(text.substr(rule + 9, text.size() - rule - 10)));
  return text;
}

// What a program-running command starts nothing with; its exit codes are then those of the others.
ExitRule rule_of(const Path& path, const std::vector<std::string>& words) {
  constexpr std::string_view kDryRun = "--dry-run";
  if (path.empty()) return ExitRule::kMelon;
  const bool known = std::ranges::find(path.back()->parameters, kDryRun, &Parameter::names) !=
                     path.back()->parameters.end();
  const bool starts_nothing = known && std::ranges::find(words, kDryRun) != words.end();
  return starts_nothing ? ExitRule::kMelon : path.back()->exit_rule;
}

int usage_error(const Streams& streams, const Path& path, const std::string& message,
                ExitRule rule = ExitRule::kMelon) {
  std::string name = "melon";
  for (const Command* command : path) name += " " + command->name;
  streams.err << fmt::format("melon: {}\n  see: {} --help\n", message, name);
  return rule == ExitRule::kProgram ? kOwnFailure : kUsage;
}

int report(const Streams& streams, const Error& error, ExitRule rule) {
  print_error(streams.err, error);
  return rule == ExitRule::kProgram ? kOwnFailure : to_exit_code(error.code);
}

OutputFormat to_format(const std::string& text) {
  if (text == "json") return OutputFormat::kJson;
  if (text == "yaml") return OutputFormat::kYaml;
  if (text == "csv") return OutputFormat::kCsv;
  return text == "wide" ? OutputFormat::kWide : OutputFormat::kTable;
}

// A full disk or a closed output: what a script read is not the whole answer.
int written(const Streams& streams, int exit_code, ExitRule rule) {
  errno = 0;
  streams.out.flush();
  if (streams.out || exit_code != kOk) return exit_code;
  const int cause = errno;
  return report(streams,
                {Code::kInternal,
                 fmt::format("the output cannot be written{}",
                             cause == 0 ? "" : fmt::format(": {}", std::strerror(cause))),
                 "free space where it goes, or send it elsewhere"},
                rule);
}

/// What is asked may need more memory than this process may have; that is an answer, too.
Result<int> run_within_memory(const Command& command, Session& session) {
  try {
    return command.run(session);
  } catch (const std::bad_alloc&) {
    return fail(Code::kResourceExhausted, "this needs more memory than may be used",
                "ask about less at once, or raise the limit of memory");
  }
}

int run_command(const Path& path, const GlobalFlags& flags, const Streams& streams) {
  const Command& command = *path.back();
  if (!command.run)
    return usage_error(streams, path, fmt::format("'{}' needs a command", command.name));
  const std::string named = named_socket(flags.socket);
  Session session{.socket = choose_socket(named),
                  .named_socket = named,
                  .format = to_format(flags.format),
                  .headers = !flags.no_headers,
                  .color = streams.color,
                  .columns = streams.columns,
                  .out = &streams.out,
                  .err = &streams.err};
  const Result<int> result = run_within_memory(command, session);
  if (!result) {
    streams.out.flush();
    return report(streams, result.error(), command.exit_rule);
  }
  return written(streams, *result, command.exit_rule);
}

// Everything from the first "--" on belongs to the program and is kept away from the parser.
std::vector<std::string> split_trailing(std::vector<std::string>& words) {
  const auto marker = std::ranges::find(words, "--");
  if (marker == words.end()) return {};
  std::vector<std::string> trailing(marker + 1, words.end());
  words.erase(marker, words.end());
  return trailing;
}

int dispatch(const std::vector<Command>& commands, const CLI::App& root, const GlobalFlags& flags,
             const Trailing& trailing, const Streams& streams) {
  const Path path = parsed_path(commands, root);
  if (path.empty()) {
    streams.err << overview(commands);
    return kUsage;
  }
  if (Trailing* const target = path.back()->trailing) {
    *target = trailing;
  } else if (!trailing.empty()) {
    return usage_error(streams, path,
                       "this command runs no program: nothing may stand behind '--'");
  }
  return run_command(path, flags, streams);
}

/// The parser takes the next word for the value of "--option=".
std::optional<std::string> without_value(const std::vector<std::string>& words) {
  const auto found = std::ranges::find_if(words, [](const std::string& word) {
    return word.starts_with("--") && word.find('=') + 1 == word.size();
  });
  if (found == words.end()) return std::nullopt;
  return found->substr(0, found->size() - 1);
}

bool asks_for_help(const std::vector<std::string>& words) {
  return std::ranges::any_of(words,
                             [](const std::string& w) { return w == "-h" || w == "--help"; });
}

}  // namespace

std::vector<Parameter> global_parameters(GlobalFlags& flags) {
  return {
      {.names = "-o,--output",
       .target = &flags.format,
       .value = "FORMAT",
       .text = "table, wide, json or yaml; csv where the answer is a table",
       .choices = {"table", "wide", "json", "yaml", "csv"}},
      {.names = "--no-headers",
       .target = &flags.no_headers,
       .text = "Tables without their headers"},
      {.names = "--socket",
       .target = &flags.socket,
       .value = "PATH",
       .text = "The daemon's socket (default: MELON_SOCKET, else the user's, else the machine's)"},
      {.names = "-h,--help", .target = &flags.help, .text = "Help with examples"},
  };
}

int run_command_line(const std::vector<Command>& commands,
                     const std::vector<std::string>& arguments, const Streams& streams) {
  std::vector<std::string> words = arguments;
  const Trailing trailing = split_trailing(words);
  if (!words.empty() && words.front() == "help") words.front() = "--help";
  if (asks_for_help(words)) {
    const Path path = named_path(commands, words);
    streams.out << (path.empty() ? overview(commands) : help_text(path));
    return written(streams, kOk, ExitRule::kMelon);
  }
  const Path named = named_path(commands, words);
  if (const auto option = without_value(words))
    return usage_error(streams, named, fmt::format("{} needs a value", *option),
                       rule_of(named, words));
  GlobalFlags flags;
  CLI::App root{"melon"};
  root.set_help_flag();
  root.require_subcommand(0, 1);
  for (const Parameter& parameter : global_parameters(flags)) add_parameter(root, parameter);
  for (const Command& command : commands) add_command(root, command);
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  try {
    root.parse(reversed);
  } catch (const CLI::ExtrasError&) {
    const Path path = parsed_path(commands, root);
    return usage_error(streams, path, unexpected(commands, path, root.remaining(true)),
                       rule_of(path, words));
  } catch (const CLI::ParseError& error) {
    return usage_error(streams, named, to_message(error), rule_of(named, words));
  }
  return dispatch(commands, root, flags, trailing, streams);
}

int run_melon(int argc, char** argv) {
  Streams streams{.out = std::cout, .err = std::cerr};
  if (isatty(STDOUT_FILENO) == 1) {
    streams.color = terminal_shows_color();
    streams.columns = terminal_size().columns;
  }
  return run_command_line(commands(), std::vector<std::string>(argv + 1, argv + argc), streams);
}

}  // namespace melon::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "cli/session.h"

namespace melon::cli {

/// Where a parsed argument goes. Owned by the command's `run`, which outlives the parse.
using Target = std::variant<bool*, std::string*, std::optional<std::string>*, std::optional<int>*,
                            std::vector<std::string>*>;  // the last: an option that may be repeated

/// One option or positional argument of a command.
struct Parameter {
  std::string names;  // "-a,--all", or for a positional "NAME"
  Target target = {};
  std::string value = {};  // what the value looks like in the help: "QUANTITY"; empty: a switch
  std::string text = {};   // one sentence without a full stop
  bool required = false;
  bool value_may_be_absent = false;       // "--wait" as well as "--wait=10m"
  std::vector<std::string> choices = {};  // the only values accepted, when not empty
  std::vector<std::string> offered = {};  // completed too, where something else judges the value

  bool is_positional() const { return names.front() != '-'; }
};

struct Example {
  std::string line;  // a shell line without its prompt
  std::string text = {};
};

/// What the exit status of a command means (cli/exit_code.h).
enum class ExitRule { kMelon, kProgram };

/// What stands after "--": the program to run and its arguments, never touched by the parser.
using Trailing = std::vector<std::string>;

/// One command as data: parsing, help, completion and the reference page derive from it.
struct Command {
  std::string name;
  std::string summary;           // one line
  std::string description = {};  // further paragraphs, may be empty
  std::vector<Parameter> parameters = {};
  std::vector<Example> examples = {};
  std::vector<Command> children = {};             // "vendors show"
  std::function<Result<int>(Session&)> run = {};  // the exit code; empty: a child is needed
  Trailing* trailing = nullptr;  // where "-- PROGRAM ARGS" goes; null: not accepted
  ExitRule exit_rule = ExitRule::kMelon;
  bool hidden = false;
};

/// Every command, in the order of the help.
std::vector<Command> commands();

}  // namespace melon::cli

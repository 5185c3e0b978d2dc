// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "cli/command.h"

namespace melon::cli {

struct Streams {
  std::ostream& out;
  std::ostream& err;
  bool color = false;
  std::size_t columns = 100;
};

/// Parses the arguments (without the program's name) against the commands and runs the one that
/// they name. Returns its exit code; usage errors, help and failures are printed.
int run_command_line(const std::vector<Command>& commands,
                     const std::vector<std::string>& arguments, const Streams& streams);

/// The whole program: the commands, standard streams, colour only on a terminal.
int run_melon(int argc, char** argv);

/// The options that every command has; -h included, for help and completion.
struct GlobalFlags {
  std::string format = "table";
  std::string socket;
  bool no_headers = false;
  bool help = false;
};
std::vector<Parameter> global_parameters(GlobalFlags& flags);

}  // namespace melon::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace melon::cli {

/// What `melon` alone shows: every command with its summary.
std::string overview(const std::vector<Command>& commands);

/// Usage, options and examples of one command; the path to it, outermost first.
std::string help_text(const std::vector<const Command*>& path);

/// "melon run [OPTIONS] -- PROGRAM [ARGUMENTS…]".
std::string usage_line(const std::vector<const Command*>& path);

/// The commands as a Markdown page.
std::string reference_page(const std::vector<Command>& commands);

}  // namespace melon::cli

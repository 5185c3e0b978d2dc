// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"

namespace melon::cli {

/// The completion script for "bash", "zsh" or "fish"; nothing for another shell.
std::optional<std::string> completion_script(const std::string& shell,
                                             const std::vector<Command>& commands);

}  // namespace melon::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"

namespace melon::cli {

/// Exit codes of every command but `run` and `exec`.
inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kNotFound = 3;
inline constexpr int kConflict = 4;
inline constexpr int kNoDaemon = 5;
/// Of `run` and `exec`, beside the program's own.
inline constexpr int kOwnFailure = 125;
inline constexpr int kNotExecutable = 126;
inline constexpr int kProgramNotFound = 127;
inline constexpr int kSignalBase = 128;

/// One row of the reference page.
struct ExitCodeRow {
  std::string_view code;
  std::string_view commands;
  std::string_view meaning;
};
std::span<const ExitCodeRow> exit_codes();

/// The exit code of a command (other than `run` and `exec`) that ends with this error.
int to_exit_code(Code code);

}  // namespace melon::cli

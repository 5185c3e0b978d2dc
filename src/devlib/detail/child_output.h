// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"

namespace melon::devlib::detail {

/// How a child ended, and what it printed on stdout until then.
struct ChildOutput {
  std::string text = {};
  int exit_status = 0;     // when it ended by itself
  int signal = 0;          // when a signal ended it
  bool timed_out = false;  // it, and all of its process group, was killed
};

/// Runs a program without input, its errors dropped, with this environment ("NAME=value"). Output
/// beyond 1 MiB is dropped too. Errors: kUnavailable when it cannot be started.
Result<ChildOutput> run_child(const std::vector<std::string>& arguments,
                              const std::vector<std::string>& environment,
                              std::chrono::milliseconds timeout);

}  // namespace melon::devlib::detail

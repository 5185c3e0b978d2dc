// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace melon::cli {

/// What to execute, as execve() takes it.
struct Launch {
  std::string path;
  std::vector<std::string> arguments;    // with argv[0]
  std::vector<std::string> environment;  // "NAME=value"
  std::optional<int> output;  // detached: standard output and error go here, input is empty
};

/// How a program ended.
struct Ending {
  int exit_code = 0;          // 128 + signal for a signal
  std::optional<int> signal;  // that ended it
};
Ending to_ending(int wait_status);

/// The signals that are passed on to the program. While an object lives they are blocked in this
/// process, so that none is lost between asking for a grant and the program's start.
class HeldSignals {
 public:
  HeldSignals();
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  const sigset_t& set() const { return set_; }
  const sigset_t& before() const { return before_; }
  /// The next INT, TERM, HUP or QUIT within this time, taken from what is pending.
  std::optional<int> wait_for_end_request(int milliseconds) const;

 private:
  sigset_t set_{};
  sigset_t before_{};
  struct sigaction child_before_ {};
  friend class HeldProgram;
};

/// A forked child that waits for release() before it executes the program, so that its pid can be
/// registered first. The child stays in this process's group: the terminal's signals and job
/// control reach it as if it had been started without Melon.
class HeldProgram {
 public:
  static Result<HeldProgram> start(const Launch& launch, const HeldSignals& signals);
  HeldProgram(HeldProgram&& other) noexcept;
  HeldProgram& operator=(HeldProgram&&) = delete;
  ~HeldProgram();

  pid_t pid() const { return pid_; }
  /// Executes the program. Errors: kFailedPrecondition when execve() refused; then the
  /// child is gone.
  Result<> release();

 private:
  HeldProgram() = default;
  pid_t pid_ = -1;
  int go_ = -1;       // a byte: execute; end of file: give up
  int failure_ = -1;  // errno of execve(); end of file: executed
  std::string path_;
};

/// Waits for the program's end and passes signals on meanwhile. A signal from the terminal is not
/// passed on, because the kernel sent it to the program already; when the program is stopped by the
/// terminal, this process stops with it.
Ending attend(pid_t program, const HeldSignals& signals);

/// Passes one received signal on, or not (see attend()). True when it came from a person's kill.
bool pass_on(const siginfo_t& received, pid_t program);

}  // namespace melon::cli

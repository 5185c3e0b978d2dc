// SPDX-License-Identifier: Apache-2.0
// Starts programs, passes signals on and waits for their end.
#include "cli/launch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

namespace melon::cli {
namespace {

constexpr std::array kPassedOn = {SIGINT,  SIGTERM,  SIGHUP,  SIGQUIT, SIGUSR1, SIGUSR2,
                                  SIGALRM, SIGWINCH, SIGTSTP, SIGCONT, SIGPIPE};
constexpr std::array kEndRequests = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

struct Pipe {
  int read_end = -1;
  int write_end = -1;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return fail(Code::kInternal, fmt::format("cannot make a pipe: {}", std::strerror(errno)),
                "raise the limit on open files: ulimit -n");
  return Pipe{ends[0], ends[1]};
}

void redirect(int output) {
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  if (nothing > STDERR_FILENO) close(nothing);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
}

// Writes the byte that lets the child go; a child that was killed meanwhile must not take this
// process along by SIGPIPE.
bool tell(int go) {
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &before);
  const char byte = 1;
  const bool told = write(go, &byte, 1) == 1;
  sigaction(SIGPIPE, &before, nullptr);
  close(go);
  return told;
}

bool stopped_by_terminal(int status) {
  const int by = WSTOPSIG(status);
  return by == SIGTSTP || by == SIGTTIN || by == SIGTTOU;
}

bool has_terminal() {
  const int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (terminal < 0) return false;
  close(terminal);
  return true;
}

}  // namespace

Ending to_ending(int wait_status) {
  if (WIFSIGNALED(wait_status))
    return {.exit_code = 128 + WTERMSIG(wait_status), .signal = WTERMSIG(wait_status)};
  return {.exit_code = WEXITSTATUS(wait_status), .signal = std::nullopt};
}

HeldSignals::HeldSignals() {
  sigemptyset(&set_);
  for (const int signal : kPassedOn) sigaddset(&set_, signal);
  sigaddset(&set_, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set_, &before_);
  // A caller that ignores SIGCHLD would leave nothing to wait for.
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &standard, &child_before_);
}

HeldSignals::~HeldSignals() {
  sigaction(SIGCHLD, &child_before_, nullptr);
  sigprocmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<int> HeldSignals::wait_for_end_request(int milliseconds) const {
  sigset_t ends;
  sigemptyset(&ends);
  for (const int signal : kEndRequests) sigaddset(&ends, signal);
  const timespec timeout{milliseconds / 1000, (milliseconds % 1000) * 1'000'000L};
  const int signal = sigtimedwait(&ends, nullptr, &timeout);
  return signal > 0 ? std::optional(signal) : std::nullopt;
}

Result<HeldProgram> HeldProgram::start(const Launch& launch, const HeldSignals& signals) {
  MELON_TRY(const Pipe go, make_pipe());
  MELON_TRY(const Pipe failure, make_pipe());
  const auto arguments = pointers(launch.arguments);
  const auto environment = pointers(launch.environment);
  const pid_t pid = fork();
  if (pid < 0)
    return fail(Code::kInternal, fmt::format("cannot start a process: {}", std::strerror(errno)),
                "raise the limit on processes: ulimit -u");
  if (pid == 0) {
    close(go.write_end);
    char byte = 0;
    if (read(go.read_end, &byte, 1) != 1) _exit(125);
    if (launch.output) redirect(*launch.output);
    sigaction(SIGCHLD, &signals.child_before_, nullptr);
    sigprocmask(SIG_SETMASK, &signals.before(), nullptr);
    execve(launch.path.c_str(), arguments.data(), environment.data());
    const int cause = errno;
    (void)!write(failure.write_end, &cause, sizeof cause);
    _exit(125);
  }
  close(go.read_end);
  close(failure.write_end);
  HeldProgram program;
  program.pid_ = pid;
  program.go_ = go.write_end;
  program.failure_ = failure.read_end;
  program.path_ = launch.path;
  return program;
}

HeldProgram::HeldProgram(HeldProgram&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      go_(std::exchange(other.go_, -1)),
      failure_(std::exchange(other.failure_, -1)),
      path_(std::move(other.path_)) {}

HeldProgram::~HeldProgram() {
  if (failure_ >= 0) close(failure_);
  if (go_ < 0) return;
  close(go_);  // never released: the child gives up
  waitpid(pid_, nullptr, 0);
}

Result<> HeldProgram::release() {
  const bool told = tell(std::exchange(go_, -1));
  int cause = 0;
  const bool failed = read(failure_, &cause, sizeof cause) == sizeof cause;
  if (told && !failed) return {};
  waitpid(pid_, nullptr, 0);
  if (cause == 0)
    return fail(Code::kInternal, fmt::format("'{}' was killed before it started", path_));
  return fail(Code::kFailedPrecondition,
              fmt::format("cannot execute '{}': {}", path_, std::strerror(cause)),
              cause == ENOENT ? "a script's interpreter, or a program's loader, is missing"
                              : "check that it is a program for this machine");
}

bool pass_on(const siginfo_t& received, pid_t program) {
  const bool from_terminal = received.si_code == SI_KERNEL && received.si_signo != SIGCONT;
  if (!from_terminal) kill(program, received.si_signo);
  return !from_terminal;
}

Ending attend(pid_t program, const HeldSignals& signals) {
  const bool terminal = has_terminal();
  bool stop_passed_on = false;
  while (true) {
    siginfo_t received{};
    const int signal = sigwaitinfo(&signals.set(), &received);
    if (signal < 0) continue;
    if (signal != SIGCHLD) {
      const bool passed = pass_on(received, program);
      stop_passed_on = passed && signal == SIGTSTP;
      continue;
    }
    int status = 0;
    if (waitpid(program, &status, WNOHANG | WUNTRACED) != program) continue;
    if (!WIFSTOPPED(status)) return to_ending(status);
    // The shell must see its job stopped; what stops the program alone is none of its business.
    if (stopped_by_terminal(status) && (terminal || stop_passed_on)) raise(SIGSTOP);
  }
}

}  // namespace melon::cli

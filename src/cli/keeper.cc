// SPDX-License-Identifier: Apache-2.0
// The process that looks after a detached program.
#include "cli/keeper.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <sstream>

namespace melon::cli {
namespace {

// What the keeper tells the process that forked it: one byte, and for a failure its code and text.
constexpr char kStarted = 's';
constexpr char kRefused = 'r';      // Melon's own failure
constexpr char kNotExecuted = 'x';  // by the program

void close_standard_streams() {
  const int nothing = open("/dev/null", O_RDWR);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nothing, stream);
  if (nothing > STDERR_FILENO) close(nothing);
}

void tell(int report, const StartFailure& failure) {
  const Error& error = failure.error;
  const std::string text = fmt::format("{}{}\n{}\n{}", failure.by_program ? kNotExecuted : kRefused,
                                       static_cast<int>(error.code), error.remedy, error.message);
  (void)!write(report, text.data(), text.size());
}

StartFailure read_failure(const std::string& text) {
  StartFailure failure{.by_program = text.front() == kNotExecuted};
  Error& error = failure.error;
  std::istringstream lines(text.substr(1));
  std::string code;
  std::getline(lines, code);
  std::getline(lines, error.remedy);
  std::getline(lines, error.message, '\0');
  error.code = static_cast<Code>(std::atoi(code.c_str()));
  return failure;
}

/// Runs in the keeper from the program's start to the end of its output.
class Keeper {
 public:
  Keeper(const Session& session, const Workload& workload, OutputLog log, int output)
      : session_(session), workload_(workload), log_(std::move(log)), output_(output) {}

  void keep(pid_t program, const HeldSignals& signals) {
    const int events = signalfd(-1, &signals.set(), SFD_CLOEXEC);
    bool output_open = true;
    while (output_open || !ended_) {
      std::array<pollfd, 2> waits = {
          {{.fd = output_open ? output_ : -1, .events = POLLIN, .revents = 0},
           {.fd = events, .events = POLLIN, .revents = 0}}};
      if (poll(waits.data(), waits.size(), -1) < 0) continue;
      if (waits[0].revents != 0) output_open = copy_output();
      if (waits[1].revents != 0) take_signal(events, program);
    }
  }

 private:
  bool copy_output() {
    std::array<char, 1 << 16> buffer;
    const ssize_t count = read(output_, buffer.data(), buffer.size());
    if (count < 0) return errno == EINTR;
    log_.append({buffer.data(), static_cast<std::size_t>(count)});
    return count > 0;
  }

  void take_signal(int events, pid_t program) {
    signalfd_siginfo received{};
    if (read(events, &received, sizeof received) != sizeof received) return;
    const int signal = static_cast<int>(received.ssi_signo);
    if (signal != SIGCHLD) {
      if (!ended_) kill(program, signal);
      return;
    }
    int status = 0;
    if (ended_ || waitpid(program, &status, WNOHANG) != program) return;
    ended_ = true;
    record_ending(session_, workload_, program, to_ending(status));
  }

  const Session& session_;
  const Workload& workload_;
  OutputLog log_;
  int output_;
  bool ended_ = false;
};

// The keeper's life. Nothing but the report reaches the process that forked it.
void live(const Session& session, const Workload& workload, Launch launch,
          const HeldSignals& signals, int report) {
  setsid();
  int output[2];
  if (pipe2(output, O_CLOEXEC) != 0)
    return tell(report, {{Code::kInternal, std::strerror(errno), "ulimit -n"}});
  auto log = OutputLog::open(private_folder(workload), {});
  if (!log) return tell(report, {log.error()});
  launch.output = output[1];
  const auto program = start_inside(session, workload, launch, signals);
  close(output[1]);
  if (!program) return tell(report, program.error());
  (void)!write(report, &kStarted, 1);
  close(report);
  close_standard_streams();
  Keeper(session, workload, std::move(*log), output[0]).keep(*program, signals);
}

std::string read_all(int from) {
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t count = 0; (count = read(from, buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(count));
  return text;
}

tl::unexpected<StartFailure> cannot(const char* what, const char* remedy) {
  return tl::unexpected(StartFailure{
      {Code::kInternal, fmt::format("cannot {}: {}", what, std::strerror(errno)), remedy}});
}

}  // namespace

Started<void> start_detached(const Session& session, const Workload& workload, Launch launch,
                             const HeldSignals& signals) {
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0)
    return cannot("make a pipe", "raise the limit on open files: ulimit -n");
  session.out->flush();
  const pid_t keeper = fork();
  if (keeper < 0) return cannot("start the keeper", "raise the limit on processes: ulimit -u");
  if (keeper == 0) {
    close(report[0]);
    live(session, workload, std::move(launch), signals, report[1]);
    _exit(0);
  }
  close(report[1]);
  const std::string text = read_all(report[0]);
  close(report[0]);
  if (text.starts_with(kStarted)) return {};
  if (text.empty())
    return tl::unexpected(StartFailure{
        {Code::kInternal, "the keeper died before the program started", "see why: melon doctor"}});
  return tl::unexpected(read_failure(text));
}

}  // namespace melon::cli

// SPDX-License-Identifier: Apache-2.0
// `melon up`: the daemon, in this process or in the background.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

#include "agent/daemon.h"
#include "base/time_text.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/number_flags.h"
#include "cli/progress.h"
#include "net/client.h"

namespace melon::cli {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(20);

struct Flags {
  agent::DaemonOptions options;
  bool detach = false;
  std::string timeout = "3m";
};

/// The file that takes the output of a daemon in the background, as it was before the start.
struct DaemonLog {
  std::string path;
  int file = -1;
  off_t before = 0;
};

Result<DaemonLog> open_log(const std::string& state_folder) {
  std::error_code error;
  std::filesystem::create_directories(state_folder, error);
  DaemonLog log{.path = state_folder + "/daemon.log"};
  log.file = open(log.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (log.file < 0)
    return fail(Code::kPermissionDenied,
                fmt::format("cannot write '{}': {}", log.path, std::strerror(errno)),
                "name a folder of yours: melon up --detach --state DIR");
  log.before = lseek(log.file, 0, SEEK_END);
  return log;
}

// What the daemon said since it was started.
std::string said(const DaemonLog& log) {
  std::ifstream file(log.path);
  file.seekg(log.before);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

// The daemon keeps no folder busy: it works from the root.
agent::DaemonOptions with_absolute_paths(agent::DaemonOptions options) {
  for (std::string* const path : {&options.state_folder, &options.socket, &options.config_file}) {
    if (!path->empty()) *path = std::filesystem::absolute(*path).lexically_normal().string();
  }
  return options;
}

// A process of its own session, so that it outlives the terminal.
Result<pid_t> start_in_background(const agent::DaemonOptions& options, int log) {
  const pid_t daemon = fork();
  if (daemon < 0)
    return fail(Code::kInternal, fmt::format("cannot start a process: {}", std::strerror(errno)),
                "raise the limit on processes: ulimit -u");
  if (daemon > 0) return daemon;
  setsid();
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  // What the caller holds open, locks included, is not the daemon's to keep.
  close_range(STDERR_FILENO + 1, ~0U, 0);
  if (chdir("/") != 0) _exit(kFailed);
  _exit(agent::run_daemon(options));
}

Code meaning_of(int exit_status) {
  if (exit_status == kUsage) return Code::kInvalidArgument;
  return exit_status == kConflict ? Code::kAlreadyExists : Code::kInternal;
}

bool is_ready(const Session& session, pid_t daemon) {
  const auto version = get(session, "/v1/version");
  return version && number_of(*version, "pid") == daemon;
}

// Ends a daemon that did not come up: asked first, because it may hold locks.
void give_up(pid_t daemon) {
  constexpr auto kGrace = std::chrono::seconds(10);
  const auto asked = std::chrono::steady_clock::now();
  kill(daemon, SIGTERM);
  while (waitpid(daemon, nullptr, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() - asked > kGrace) kill(daemon, SIGKILL);
    std::this_thread::sleep_for(kPoll);
  }
}

Result<> wait_until_ready(const Session& session, pid_t daemon, const DaemonLog& log,
                          std::chrono::milliseconds timeout) {
  Progress progress(*session.err, "the daemon is starting");
  const auto start = std::chrono::steady_clock::now();
  while (!is_ready(session, daemon)) {
    int status = 0;
    if (waitpid(daemon, &status, WNOHANG) == daemon)
      return fail(WIFEXITED(status) ? meaning_of(WEXITSTATUS(status)) : Code::kInternal,
                  fmt::format("the daemon ended while it started:\n{}", said(log)),
                  fmt::format("its output is kept in {}", log.path));
    if (std::chrono::steady_clock::now() - start > timeout) {
      give_up(daemon);
      return fail(
          Code::kInternal,
          fmt::format("the daemon was not ready within {} and was ended", melon::to_text(timeout)),
          fmt::format("its output is in {}; a driver may hang (melon doctor), or it needs "
                      "longer: melon up --detach --timeout 10m",
                      log.path));
    }
    progress.show();
    std::this_thread::sleep_for(kPoll);
  }
  return {};
}

// A process that listens there: whether it answers or not, no second one can.
Result<> check_free(const std::string& socket) {
  const auto listener = net::Client(socket).listener_pid();
  const std::string who = listener ? fmt::format(", process {},", *listener) : "";
  if (daemon_answers(socket))
    return fail(Code::kAlreadyExists,
                fmt::format("a daemon{} answers on '{}' already", who, socket),
                "use it, or end it first: melon down");
  if (!listener) return {};
  return fail(Code::kAlreadyExists,
              fmt::format("a daemon{} listens on '{}' and does not answer", who, socket),
              "see what is wrong with it: melon doctor");
}

Result<int> start_detached_daemon(Session& session, const agent::DaemonOptions& options,
                                  std::chrono::milliseconds timeout) {
  MELON_TRY(const agent::Places places, agent::daemon_places(options));
  session.socket = places.socket;
  MELON_RETURN_IF_ERROR(check_free(places.socket));
  MELON_TRY(const DaemonLog log, open_log(places.state_folder));
  session.out->flush();
  MELON_TRY(const pid_t daemon, start_in_background(options, log.file));
  close(log.file);
  MELON_RETURN_IF_ERROR(wait_until_ready(session, daemon, log, timeout));
  if (session.structured())
    session.print({}, {{"socket", places.socket}});
  else
    *session.out << fmt::format("ready on {}\n", places.socket);
  return kOk;
}

Result<int> up(Session& session, const Flags& flags) {
  agent::DaemonOptions options = flags.options;
  options.socket = session.named_socket;
  options = with_absolute_paths(options);
  MELON_TRY(const auto timeout, parse_flag("--timeout", flags.timeout, kAnyDuration));
  if (flags.detach) return start_detached_daemon(session, options, timeout);
  session.out->flush();
  return agent::run_daemon(options);
}

}  // namespace

Command up_command() {
  auto flags = std::make_shared<Flags>();
  agent::DaemonOptions& options = flags->options;
  return {
      .name = "up",
      .summary = "Start this machine's daemon: discovery, grants, REST, metrics",
      .description =
          "As root: for every user of the machine. As a user: for that user alone. Programs of\n"
          "an earlier daemon with the same state are adopted. A state folder that is named\n"
          "holds the socket too, unless --socket or MELON_SOCKET names another.",
      .parameters = {{.names = "--detach",
                      .target = &flags->detach,
                      .text = "In the background; returns when it is ready"},
                     {.names = "--timeout",
                      .target = &flags->timeout,
                      .value = "DURATION",
                      .text = "With --detach: give up when it is not ready by then (default 3m)"},
                     {.names = "--state",
                      .target = &options.state_folder,
                      .value = "DIR",
                      .text = "Keep everything below this folder"},
                     {.names = "--config",
                      .target = &options.config_file,
                      .value = "FILE",
                      .text = "YAML file to read (default: /etc/melon/melon.yaml; users: "
                              "~/.config/melon/melon.yaml)"},
                     {.names = "--metrics",
                      .target = &options.metrics_address,
                      .value = "ADDR",
                      .text = "Serve metrics on this TCP address too: 127.0.0.1:9400"}},
      .examples = {{"melon up --detach", "In the background"},
                   {"melon up --metrics 127.0.0.1:9400", "In this terminal, with metrics on TCP"}},
      .run = [flags](Session& session) { return up(session, *flags); }};
}

}  // namespace melon::cli

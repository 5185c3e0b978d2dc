// SPDX-License-Identifier: Apache-2.0
// Runs a short-lived child and reads what it prints, for a bounded time.
#include "devlib/detail/child_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "os/descriptor.h"

namespace melon::devlib::detail {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMaxOutput = 1 << 20;

std::vector<char*> to_pointers(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// The child gets no signal handling of ours and its own process group, to be killed whole.
int spawn(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
          int output, pid_t& child) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  const int failed = ::posix_spawn(&child, arguments.front().c_str(), &actions, &attributes,
                                   to_pointers(arguments).data(), to_pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return failed;
}

enum class End { kEof, kDeadline };

End read_until(int input, Clock::time_point deadline, std::string& text) {
  std::array<char, 4096> piece;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd entry{input, POLLIN, 0};
    const int ready = ::poll(&entry, 1, left > 0 ? static_cast<int>(left) : 0);
    if (ready == 0) return End::kDeadline;
    if (ready < 0 && errno == EINTR) continue;
    const auto got = ::read(input, piece.data(), piece.size());
    if (got <= 0) return End::kEof;
    if (text.size() < kMaxOutput) text.append(piece.data(), static_cast<std::size_t>(got));
  }
}

/// Waits for the child's end, at most until the deadline; then it is killed.
int collect(pid_t child, Clock::time_point deadline, ChildOutput& output) {
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (output.timed_out || Clock::now() >= deadline) {
      output.timed_out = true;
      ::kill(-child, SIGKILL);
      ::waitpid(child, &status, 0);
      break;
    }
    const timespec nap{0, 1'000'000};
    ::nanosleep(&nap, nullptr);
  }
  return status;
}

}  // namespace

Result<ChildOutput> run_child(const std::vector<std::string>& arguments,
                              const std::vector<std::string>& environment,
                              std::chrono::milliseconds timeout) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return fail(Code::kUnavailable, fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  const os::Descriptor input(ends[0]);
  os::Descriptor output_end(ends[1]);
  const auto deadline = Clock::now() + timeout;
  pid_t child = 0;
  const int failed = spawn(arguments, environment, output_end.number(), child);
  if (failed != 0)
    return fail(Code::kUnavailable,
                fmt::format("cannot run '{}': {}", arguments.front(), std::strerror(failed)));
  output_end.reset();
  ChildOutput output;
  output.timed_out = read_until(input.number(), deadline, output.text) == End::kDeadline;
  const int status = collect(child, deadline, output);
  if (WIFSIGNALED(status)) output.signal = WTERMSIG(status);
  if (WIFEXITED(status)) output.exit_status = WEXITSTATUS(status);
  return output;
}

}  // namespace melon::devlib::detail

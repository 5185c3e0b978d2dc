// SPDX-License-Identifier: Apache-2.0
// Waits on pidfds in one thread, and signals processes without ever hitting a reused pid.
#include "agent/process_watch.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "os/process_files.h"

namespace melon::agent {
namespace {

// glibc 2.36 has wrappers, older ones have not; the numbers are the kernel's for all machines.
os::Descriptor pidfd_open(int pid) {
  return os::Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

}  // namespace

std::optional<core::ProcessId> identify(int pid) {
  const auto stat = os::process_stat(pid);
  if (!stat || stat->state == 'Z' || stat->state == 'X') return std::nullopt;
  return core::ProcessId{.pid = pid, .start_ticks = stat->start_ticks};
}

bool signal_process(core::ProcessId process, const std::set<std::uint32_t>& users, int signal) {
  // The pidfd is taken first: what is checked afterwards is checked of the process it names.
  const os::Descriptor pidfd = pidfd_open(process.pid);
  if (!pidfd || identify(process.pid) != process) return false;
  const auto user = os::process_user(process.pid);
  if (!users.empty() && !(user && users.contains(*user))) return false;
  return ::syscall(SYS_pidfd_send_signal, pidfd.number(), signal, nullptr, 0) == 0;
}

Result<std::unique_ptr<ProcessWatch>> ProcessWatch::start(Gone gone) {
  os::Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  os::Descriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_event event{.events = EPOLLIN, .data = {.fd = wake.number()}};
  if (!epoll || !wake || ::epoll_ctl(epoll.number(), EPOLL_CTL_ADD, wake.number(), &event) != 0)
    return fail(Code::kUnavailable, fmt::format("cannot watch processes: {}", std::strerror(errno)),
                "raise the limit of open files: ulimit -n");
  return std::unique_ptr<ProcessWatch>(
      new ProcessWatch(std::move(epoll), std::move(wake), std::move(gone)));
}

ProcessWatch::ProcessWatch(os::Descriptor epoll, os::Descriptor wake, Gone gone)
    : epoll_(std::move(epoll)), wake_(std::move(wake)), gone_(std::move(gone)) {
  thread_ = std::thread([this] { run(); });
}

ProcessWatch::~ProcessWatch() {
  const std::uint64_t one = 1;
  (void)!::write(wake_.number(), &one, sizeof(one));
  thread_.join();
}

bool ProcessWatch::watch(core::ProcessId process) {
  os::Descriptor pidfd = pidfd_open(process.pid);
  if (!pidfd || identify(process.pid) != process) return false;
  const int number = pidfd.number();
  const std::lock_guard lock(mutex_);
  watched_[number] = {std::move(pidfd), process};
  epoll_event event{.events = EPOLLIN, .data = {.fd = number}};
  if (::epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, number, &event) == 0) return true;
  watched_.erase(number);
  return false;
}

std::optional<core::ProcessId> ProcessWatch::take(int number) {
  const std::lock_guard lock(mutex_);
  const auto found = watched_.find(number);
  if (found == watched_.end()) return std::nullopt;
  const core::ProcessId process = found->second.second;
  watched_.erase(found);  // closing it also takes it out of the epoll set
  return process;
}

void ProcessWatch::run() {
  std::array<epoll_event, 64> events{};
  while (true) {
    const int count = ::epoll_wait(epoll_.number(), events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      const int number = events.at(static_cast<std::size_t>(i)).data.fd;
      if (number == wake_.number()) return;
      if (const auto process = take(number)) gone_(*process);
    }
  }
}

}  // namespace melon::agent

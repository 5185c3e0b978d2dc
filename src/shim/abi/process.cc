// SPDX-License-Identifier: Apache-2.0
// Reads /proc to tell processes apart and the living from the dead. Raw system calls: the same
// code runs in programs whose libc is old, wrapped or preloaded over.

#include "shim/abi/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

namespace melon::abi {
namespace {

constexpr std::size_t kPathBytes = 64;
constexpr std::size_t kStatBytes = 1024;  // a name is at most 64 bytes, the numbers 20 each

/// Puts errno back when it goes: callers are inside other people's programs.
class ErrnoKeeper {
 public:
  ErrnoKeeper() : saved_(errno) {}
  ~ErrnoKeeper() { errno = saved_; }
  ErrnoKeeper(const ErrnoKeeper&) = delete;
  ErrnoKeeper& operator=(const ErrnoKeeper&) = delete;

 private:
  int saved_;
};

/// What /proc/PID/stat says.
struct Stat {
  std::uint32_t pid = 0;
  char state = 0;
  std::uint64_t start_ticks = 0;
  std::uint64_t image = 0;
};

std::uint64_t number_at(const char* text) {
  std::uint64_t value = 0;
  for (; *text >= '0' && *text <= '9'; ++text)
    value = value * 10 + static_cast<std::uint64_t>(*text - '0');
  return value;
}

/// The field with this number (as proc(5) counts; the state is 3), from just after the name.
const char* field(const char* after_name, int wanted) {
  const char* at = after_name;
  for (int number = 2; number < wanted && at != nullptr; ++number) {
    at = strchr(at, ' ');
    if (at != nullptr) ++at;
  }
  return at;
}

bool parse_stat(const char* text, Stat& out) {
  const char* const name_end = strrchr(text, ')');
  if (name_end == nullptr) return false;
  const char* const state = field(name_end, 3);
  const char* const start = field(name_end, 22);
  if (state == nullptr || start == nullptr) return false;
  out.pid = static_cast<std::uint32_t>(number_at(text));
  out.state = *state;
  out.start_ticks = number_at(start);
  const char* const stack = field(name_end, 28);
  const std::uint64_t image = stack == nullptr ? 0 : number_at(stack);
  out.image = image > 1 ? image : 0;  // 0 or 1: not for this reader's eyes
  return true;
}

/// 0 or an errno.
int read_stat(const char* path, Stat& out) {
  const long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  char text[kStatBytes];
  const long got = syscall(SYS_read, fd, text, sizeof text - 1);
  const int why = got < 0 ? errno : 0;
  syscall(SYS_close, fd);
  if (got <= 0) return why != 0 ? why : ESRCH;
  text[got] = 0;
  return parse_stat(text, out) ? 0 : EIO;
}

bool is_over(char state) { return state == 'Z' || state == 'X' || state == 'x'; }

/// What the kernel returns from getdents64.
struct DirectoryEntry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t length;
  std::uint8_t type;
  char name[];
};

/// True when one thread in this run of entries is neither zombie nor gone.
bool has_live_thread(const char* entries, long bytes, std::uint32_t pid) {
  for (long at = 0; at < bytes;) {
    const auto* const entry = reinterpret_cast<const DirectoryEntry*>(entries + at);
    at += entry->length;
    if (entry->name[0] < '0' || entry->name[0] > '9') continue;
    char path[kPathBytes];
    snprintf(path, sizeof path, "/proc/%u/task/%llu/stat", pid,
             static_cast<unsigned long long>(number_at(entry->name)));
    Stat thread;
    const int failed = read_stat(path, thread);
    if (failed == 0 && !is_over(thread.state)) return true;
    if (failed != 0 && failed != ENOENT && failed != ESRCH) return true;  // in doubt
  }
  return false;
}

/// A leader that called pthread_exit is a zombie while its threads work on.
bool zombie_has_live_thread(std::uint32_t pid) {
  char path[kPathBytes];
  snprintf(path, sizeof path, "/proc/%u/task", pid);
  const long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno != ENOENT;
  alignas(DirectoryEntry) char entries[2048];
  bool live = false;
  long got = 0;
  while (!live && (got = syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0)
    live = has_live_thread(entries, got, pid);
  syscall(SYS_close, fd);
  return live || got < 0;
}

std::uint32_t own_pid() { return static_cast<std::uint32_t>(syscall(SYS_getpid)); }

std::uint64_t own_namespace() {
  char text[kPathBytes];
  const long got = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/ns/pid", text, sizeof text - 1);
  if (got <= 0) return 0;
  text[got] = 0;
  const char* const open = strchr(text, '[');  // pid:[4026531836]
  return open == nullptr ? 0 : number_at(open + 1);
}

Liveness judge(const Stat& found, const Identity& wanted) {
  if (wanted.start_ticks != 0 && found.start_ticks != wanted.start_ticks) return Liveness::kDead;
  if (is_over(found.state))
    return zombie_has_live_thread(wanted.pid) ? Liveness::kAlive : Liveness::kDead;
  if (wanted.image != 0 && found.image != 0 && wanted.image != found.image) return Liveness::kDead;
  return wanted.start_ticks != 0 ? Liveness::kAlive : Liveness::kUnknown;
}

}  // namespace

Identity self_identity() {
  const ErrnoKeeper keep;
  Identity self{.pid = own_pid(), .pid_namespace = own_namespace()};
  Stat stat;
  if (read_stat("/proc/self/stat", stat) == 0) {
    self.start_ticks = stat.start_ticks;
    self.image = stat.image;
  }
  return self;
}

ProcView proc_view() {
  const ErrnoKeeper keep;
  Stat self;
  const bool own = read_stat("/proc/self/stat", self) == 0 && self.pid == own_pid();
  return own ? ProcView::kOwn : ProcView::kForeign;
}

Liveness liveness(const Identity& identity, ProcView proc) {
  const ErrnoKeeper keep;
  if (identity.pid == 0) return Liveness::kUnknown;
  // The null signal asks the kernel itself, whatever is mounted on /proc.
  if (syscall(SYS_kill, static_cast<long>(identity.pid), 0L) < 0 && errno == ESRCH)
    return Liveness::kDead;
  if (proc == ProcView::kForeign) return Liveness::kUnknown;
  char path[kPathBytes];
  snprintf(path, sizeof path, "/proc/%u/stat", identity.pid);
  Stat found;
  if (read_stat(path, found) != 0) return Liveness::kUnknown;  // hidden, or gone this instant
  return judge(found, identity);
}

bool is_dead(const Identity& identity) {
  if (identity.pid_namespace != 0) {
    const ErrnoKeeper keep;
    if (own_namespace() != identity.pid_namespace) return false;
  }
  return liveness(identity) == Liveness::kDead;
}

const std::atomic<std::uint32_t>* make_fork_mark() {
  const ErrnoKeeper keep;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* const at = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  if (madvise(at, page, MADV_WIPEONFORK) != 0) {
    munmap(at, page);
    return nullptr;
  }
  auto* const mark = static_cast<std::atomic<std::uint32_t>*>(at);
  mark->store(1, std::memory_order_relaxed);
  return mark;
}

void unmap_fork_mark(const std::atomic<std::uint32_t>* mark) {
  const ErrnoKeeper keep;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  if (mark != nullptr) munmap(const_cast<std::atomic<std::uint32_t>*>(mark), page);
}

}  // namespace melon::abi

// SPDX-License-Identifier: Apache-2.0
// Finds a CPU driver's worker threads and reads their CPU time.

#include "shim/opencl/workers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

#include "shim/opencl/session.h"

namespace melon::shim {
namespace {

constexpr unsigned kMostWorkers = 512;

struct Worker {
  std::atomic<int> thread;
  std::atomic<Nanoseconds> last;  // what it had when it was last read, kept when it ends
};

Worker g_workers[kMostWorkers];
std::atomic<unsigned> g_count{0};
std::atomic<std::uint32_t> g_epoch{0};  // whose workers these are

struct DirectoryEntry {  // getdents64
  std::uint64_t inode;
  std::int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[1];
};

// Lists this process's threads. Not opendir: it allocates, and we are inside someone's program.
unsigned list_threads(int* out, unsigned room) {
  const int saved = errno;
  const int folder = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  unsigned count = 0;
  alignas(8) char buffer[2048];
  while (folder >= 0) {
    const long bytes = syscall(SYS_getdents64, folder, buffer, sizeof buffer);
    if (bytes <= 0) break;
    for (long at = 0; at < bytes;) {
      const auto* const entry = reinterpret_cast<const DirectoryEntry*>(buffer + at);
      at += entry->length;
      const int thread = atoi(entry->name);
      if (thread > 0 && count < room) out[count++] = thread;
    }
  }
  if (folder >= 0) close(folder);
  errno = saved;
  return count;
}

bool contains(const int* threads, unsigned count, int thread) {
  for (unsigned i = 0; i < count; ++i)
    if (threads[i] == thread) return true;
  return false;
}

clockid_t clock_of(int thread) {  // as pthread_getcpuclockid makes it, for any thread id
  return static_cast<clockid_t>((~static_cast<unsigned>(thread) << 3) | 6U);
}

void add_worker(int thread) {
  const unsigned count = g_count.load(std::memory_order_relaxed);
  if (count == kMostWorkers) return;
  g_workers[count].last.store(0, std::memory_order_relaxed);
  g_workers[count].thread.store(thread, std::memory_order_relaxed);
  g_count.store(count + 1, std::memory_order_release);
}

// Whether a device of the grant may have workers that are not known yet.
bool may_find_workers() {
  const Tenant* const mine = tenant();
  if (mine == nullptr || worker_count() != 0) return false;
  const std::uint32_t known = __atomic_load_n(&session()->attached, __ATOMIC_ACQUIRE);
  const bool all_known = static_cast<unsigned>(__builtin_popcount(known)) == mine->device_count();
  return !all_known || __atomic_load_n(&session()->processors, __ATOMIC_RELAXED) != 0;
}

}  // namespace

WorkerWatch::WorkerWatch() : watching_(may_find_workers()) {
  if (watching_) count_ = list_threads(threads_, kMost);
}

WorkerWatch::~WorkerWatch() {
  if (!watching_ || count_ == 0) return;
  int now[kMost];
  const unsigned count = list_threads(now, kMost);
  const Guard guard(session()->workers);
  if (worker_count() != 0) return;  // another thread's watch was first
  if (g_epoch.exchange(session()->epoch) != session()->epoch)
    g_count.store(0, std::memory_order_relaxed);
  for (unsigned i = 0; i < count; ++i)
    if (!contains(threads_, count_, now[i])) add_worker(now[i]);
}

unsigned worker_count() {
  if (g_epoch.load(std::memory_order_acquire) != session()->epoch) return 0;
  return g_count.load(std::memory_order_acquire);
}

Nanoseconds worker_time() {
  const int saved = errno;  // a worker that ended has no clock
  Nanoseconds sum = 0;
  const unsigned count = worker_count();
  for (unsigned i = 0; i < count; ++i) {
    timespec time{};
    if (clock_gettime(clock_of(g_workers[i].thread.load(std::memory_order_relaxed)), &time) == 0)
      g_workers[i].last.store(static_cast<Nanoseconds>(time.tv_sec) * 1'000'000'000U +
                                  static_cast<Nanoseconds>(time.tv_nsec),
                              std::memory_order_relaxed);
    sum += g_workers[i].last.load(std::memory_order_relaxed);
  }
  errno = saved;
  return sum;
}

}  // namespace melon::shim

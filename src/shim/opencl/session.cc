// SPDX-License-Identifier: Apache-2.0
// Opens the tenancy at the first OpenCL call, and again in a forked child.

#include "shim/opencl/session.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

namespace melon::shim {

namespace {
constinit const Passage kClosedPassage{};
}
constinit std::atomic<Session*> session_page{nullptr};
constinit std::atomic<int> session_pid{0};
constinit std::atomic<const Passage*> session_passage{&kClosedPassage};
constinit std::atomic<bool> has_one_slice{false};

namespace {

constexpr int kWipeOnFork = 18;  // MADV_WIPEONFORK, Linux 4.14

std::atomic<std::uint32_t> g_epochs{0};
std::atomic<std::uint64_t> g_flags{0};
const Clock* g_clock = nullptr;
Session g_no_page{};  // where there is no memory for a page

Session* make_page() {
  void* const memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) return &g_no_page;
  if (madvise(memory, 4096, kWipeOnFork) != 0)
    session_pid.store(getpid(), std::memory_order_relaxed);
  auto* const page = static_cast<Session*>(memory);
  Session* expected = nullptr;
  if (session_page.compare_exchange_strong(expected, page)) return page;
  munmap(memory, 4096);
  return expected;
}

void raise_all(Tenant* tenant) {
  if (tenant == nullptr) return;
  const std::uint64_t flags = g_flags.load(std::memory_order_seq_cst);
  for (const abi::ProcessFlag flag : {abi::kFlagNoTimer, abi::kFlagUnknownSymbol})
    if ((flags & flag) != 0) tenant->raise_flag(flag);
}

void fill(Session* page) {
  const Guard guard(page->opening);
  if (__atomic_load_n(&page->ready, __ATOMIC_ACQUIRE) != 0) return;
  const char* const folder = getenv(abi::kGrantVariable);
  page->tenant = nullptr;
  if (folder != nullptr && folder[0] != 0) {
    Tenant* const opened = Tenant::open(folder, g_clock != nullptr ? *g_clock : real_clock());
    if (opened != nullptr && opened->active()) page->tenant = opened;
  }
  if (page->tenant != nullptr) {
    has_one_slice.store(page->tenant->device_count() == 1, std::memory_order_relaxed);
    session_passage.store(&page->tenant->passage(), std::memory_order_release);
  }
  raise_all(page->tenant);
  page->epoch = g_epochs.fetch_add(1, std::memory_order_relaxed) + 1;
  __atomic_store_n(&page->ready, 1, __ATOMIC_RELEASE);
}

// Only on kernels before 4.14: notices a fork by the pid.
void forget_after_fork(Session* page) {
  int known = session_pid.load(std::memory_order_relaxed);
  if (known == 0 || known == getpid()) return;
  if (!session_pid.compare_exchange_strong(known, getpid())) return;
  memset(static_cast<void*>(page), 0, sizeof *page);
}

}  // namespace

Session* open_session() {
  Session* page = session_page.load(std::memory_order_acquire);
  if (page == nullptr) page = make_page();
  if (session_pid.load(std::memory_order_relaxed) != 0) forget_after_fork(page);
  if (__atomic_load_n(&page->ready, __ATOMIC_ACQUIRE) == 0) fill(page);
  return page;
}

void raise_flag(abi::ProcessFlag flag) {
  if ((g_flags.fetch_or(flag, std::memory_order_seq_cst) & flag) != 0) return;
  const Session* const page = session_page.load(std::memory_order_acquire);
  if (page != nullptr && __atomic_load_n(&page->ready, __ATOMIC_SEQ_CST) != 0)
    raise_all(page->tenant);
}

void use_clock(const Clock& clock) { g_clock = &clock; }

void Lock::lock_contended() {
  const int saved = errno;
  while (word_.exchange(2, std::memory_order_acquire) != 0)
    syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, 2, nullptr, nullptr, 0);
  errno = saved;
}

void Lock::wake() {
  const int saved = errno;
  syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  errno = saved;
}

}  // namespace melon::shim

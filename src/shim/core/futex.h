// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <cstdint>
#include <ctime>

namespace melon::shim {

/// Waits on a word of this process until it is woken, the word differs, or CLOCK_MONOTONIC has come
/// to `until_ns`. Keeps errno.
inline void wait_on(const void* word, std::uint32_t expected, std::uint64_t until_ns) {
  const int saved = errno;
  const timespec at = {static_cast<time_t>(until_ns / 1'000'000'000),
                       static_cast<long>(until_ns % 1'000'000'000)};
  syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected, &at, nullptr,
          FUTEX_BITSET_MATCH_ANY);
  errno = saved;
}

/// Wakes all of this process's threads that wait on the word. Keeps errno.
inline void wake_all(const void* word) {
  const int saved = errno;
  syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 0x7fffffff, nullptr, nullptr, 0);
  errno = saved;
}

}  // namespace melon::shim

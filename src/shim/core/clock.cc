// SPDX-License-Identifier: Apache-2.0
// The machine's monotonic clock.

#include <time.h>
#include <cerrno>

#include "shim/core/attach.h"

namespace melon::shim {
namespace {

Nanoseconds monotonic_now(void*) {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  return static_cast<Nanoseconds>(at.tv_sec) * 1'000'000'000 + static_cast<Nanoseconds>(at.tv_nsec);
}

void monotonic_sleep(void*, Nanoseconds when) {
  const int saved = errno;
  const timespec at = {static_cast<time_t>(when / 1'000'000'000),
                       static_cast<long>(when % 1'000'000'000)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
  errno = saved;
}

}  // namespace

const Clock& real_clock() {
  static constexpr Clock kClock = {monotonic_now, monotonic_sleep, nullptr};
  return kClock;
}

}  // namespace melon::shim

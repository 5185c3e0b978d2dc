// SPDX-License-Identifier: Apache-2.0
// Time since the machine booted, and which boot it was.
#include "os/boot.h"

#include <ctime>

#include "os/process_files.h"

namespace melon::os {

std::int64_t since_boot_ms() {
  constexpr std::int64_t kMsPerSecond = 1000;
  constexpr std::int64_t kNsPerMs = 1'000'000;
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::int64_t{now.tv_sec} * kMsPerSecond + now.tv_nsec / kNsPerMs;
}

std::string boot_id() { return read_file("/proc/sys/kernel/random/boot_id").value_or(""); }

}  // namespace melon::os

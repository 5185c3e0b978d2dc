// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/units.h"

namespace melon::devlib::detail {

/// Time that all processors together have spent, in clock ticks, since the machine started.
struct CpuTimes {
  std::uint64_t busy = 0;
  std::uint64_t all = 0;
};

/// Reads the first line of /proc/stat. Waiting for input or output is not busy.
std::optional<CpuTimes> parse_cpu_times(std::string_view text);

/// How busy the machine's processors are.
class CpuLoad {
 public:
  /// Since the last call; empty at the first, and when no time has passed.
  std::optional<Permille> since_last();

 private:
  std::optional<CpuTimes> last_;
};

}  // namespace melon::devlib::detail

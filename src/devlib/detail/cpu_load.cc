// SPDX-License-Identifier: Apache-2.0
// Utilisation of the host's processors from /proc/stat.
#include "devlib/detail/cpu_load.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "os/process_files.h"

namespace melon::devlib::detail {

std::optional<CpuTimes> parse_cpu_times(std::string_view text) {
  if (!text.starts_with("cpu ")) return std::nullopt;
  text = text.substr(4, text.find('\n') - 4);
  // user nice system idle iowait irq softirq steal; guests are part of user already.
  constexpr int kFields = 8;
  constexpr int kIdle = 3;
  constexpr int kInputOutput = 4;
  CpuTimes times;
  for (int field = 0; field < kFields; ++field) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    std::uint64_t ticks = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), ticks);
    if (failed != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    times.all += ticks;
    if (field != kIdle && field != kInputOutput) times.busy += ticks;
  }
  return times;
}

std::optional<Permille> CpuLoad::since_last() {
  const auto now = parse_cpu_times(os::read_file("/proc/stat", 4096).value_or(""));
  const auto before = std::exchange(last_, now);
  if (!now || !before || now->all <= before->all || now->busy < before->busy) return std::nullopt;
  return Permille(
      static_cast<std::int64_t>((now->busy - before->busy) * 1000 / (now->all - before->all)));
}

}  // namespace melon::devlib::detail

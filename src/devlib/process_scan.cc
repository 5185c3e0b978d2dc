// SPDX-License-Identifier: Apache-2.0
// Who has a vendor's library mapped, from /proc.
#include "devlib/process_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "os/process_files.h"

namespace melon::devlib {
namespace {

/// Calls `take` with each mapped file of the process, runs of the same one once.
template <class Take>
void for_each_mapped_file(std::string_view maps, Take take) {
  std::string_view last;
  while (!maps.empty()) {
    const auto end = maps.find('\n');
    const auto line = maps.substr(0, end);
    maps = end == std::string_view::npos ? std::string_view() : maps.substr(end + 1);
    const auto slash = line.find('/');  // the columns before the path hold none but the device's
    if (slash == std::string_view::npos) continue;
    const auto path = line.substr(slash);
    if (path != last) take(path);
    last = path;
  }
}

std::vector<DeviceProcess> look_at(const core::ProcessId& process,
                                   std::span<const vendors::Descriptor> vendors) {
  const auto maps = os::read_file(fmt::format("/proc/{}/maps", process.pid));
  if (!maps) return {};
  std::vector<DeviceProcess> found;
  for_each_mapped_file(*maps, [&](std::string_view path) {
    for (const vendors::Descriptor& vendor : vendors)
      if (std::ranges::find(found, vendor.id, &DeviceProcess::vendor) == found.end() &&
          vendors::is_process_library(vendor, path))
        found.push_back({.process = process, .vendor = vendor.id});
  });
  for (DeviceProcess& entry : found) {
    entry.user = os::process_user(process.pid).value_or(0);
    entry.command = os::process_command(process.pid);
  }
  return found;
}

}  // namespace

std::vector<DeviceProcess> ProcessScan::scan(std::span<const vendors::Descriptor> vendors) {
  std::vector<DeviceProcess> all;
  read_maps_ = 0;
  for (auto& [process, seen] : seen_) seen.alive = false;
  for (const int pid : os::process_ids()) {
    const auto stat = os::process_stat(pid);
    if (!stat || stat->memory_bytes == 0) continue;  // gone, a zombie or the kernel's own
    const core::ProcessId process{pid, stat->start_ticks};
    Seen& seen = seen_[process];
    seen.alive = true;
    if (seen.memory_bytes != stat->memory_bytes) {
      seen.found = look_at(process, vendors);
      seen.memory_bytes = stat->memory_bytes;
      ++read_maps_;
    }
    all.insert(all.end(), seen.found.begin(), seen.found.end());
  }
  std::erase_if(seen_, [](const auto& entry) { return !entry.second.alive; });
  return all;
}

}  // namespace melon::devlib

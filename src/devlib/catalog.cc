// SPDX-License-Identifier: Apache-2.0
// All devices of this machine, through every vendor's library.
#include "devlib/catalog.h"

#include <fmt/format.h>

#include <algorithm>

#include "os/process_files.h"

namespace melon::devlib {

Catalog::Catalog(std::vector<vendors::Descriptor> vendors, const Settings& settings) {
  std::erase_if(vendors, [](const vendors::Descriptor& vendor) {
    return vendor.discovery == vendors::Discovery::kNone;
  });
  std::stable_partition(vendors.begin(), vendors.end(), is_management_library);
  for (vendors::Descriptor& vendor : vendors) {
    auto library = open_library(vendor, settings);
    sources_.push_back({std::move(vendor), std::move(library)});
  }
}

Catalog::Catalog(std::vector<vendors::Descriptor> vendors,
                 std::vector<std::unique_ptr<DeviceLibrary>> libraries) {
  for (std::size_t i = 0; i < vendors.size(); ++i)
    sources_.push_back({std::move(vendors[i]), std::move(libraries[i])});
}

Discovered Catalog::discover() {
  Discovered all;
  for (Source& source : sources_) {
    Discovered found = source.library->enumerate();
    std::ranges::move(found.devices, std::back_inserter(all.devices));
    std::ranges::move(found.faults, std::back_inserter(all.faults));
  }
  const std::vector<core::Device> seen = std::move(all.devices);
  all.devices = merge_devices(seen);
  library_key_.clear();
  std::map<std::string, int> numbers;
  for (core::Device& device : all.devices) {
    device.index = numbers[device.vendor]++;
    device.id = fmt::format("{}-{}", device.vendor, device.index);
    // Merging may have taken another library's key; the device's own library knows its first one.
    const auto own = std::ranges::find_if(seen, [&](const core::Device& d) {
      return d.vendor == device.vendor &&
             (d.key == device.key ||
              std::ranges::find_first_of(d.aliases, device.aliases) != d.aliases.end());
    });
    library_key_[device.id] = own == seen.end() ? device.key : own->key;
  }
  devices_ = all.devices;
  return all;
}

Catalog::Source* Catalog::source_of(const core::Device& device) {
  const auto source = std::ranges::find(
      sources_, device.vendor, [](const Source& s) -> const std::string& { return s.vendor.id; });
  return source == sources_.end() ? nullptr : &*source;
}

Sample Catalog::sample(const core::Device& device) {
  const auto found = std::ranges::find(devices_, device.id, &core::Device::id);
  Source* const source = source_of(device);
  if (source == nullptr || found == devices_.end())
    return {.health = core::Health::kUnhealthy,
            .health_reason = fmt::format("no library tells of device '{}'", device.id)};
  core::Device known = *found;  // as discovered: the caller's copy may have become held meanwhile
  known.key = library_key_[device.id];
  return source->library->sample(known);
}

/// False when the device's library does not tell.
bool Catalog::add_told(const core::Device& device, std::vector<DeviceProcess>& out) {
  core::Device known = device;
  known.key = library_key_[device.id];
  const auto told = source_of(device)->library->processes(known);
  if (!told) return false;
  for (const auto& [pid, used_memory] : *told) {
    const auto stat = os::process_stat(pid);
    if (!stat) continue;
    out.push_back({.process = {pid, stat->start_ticks},
                   .user = os::process_user(pid).value_or(0),
                   .command = os::process_command(pid),
                   .vendor = device.vendor,
                   .device = device.id,
                   .memory = {.on_device = used_memory}});
  }
  return true;
}

void Catalog::complete(DeviceProcess& entry) const {
  const auto may_be_on = [&entry](const core::Device& device) {
    return entry.device.empty() ? device.vendor == entry.vendor : device.id == entry.device;
  };
  // The only device of a vendor needs no telling.
  if (entry.device.empty() && std::ranges::count_if(devices_, may_be_on) == 1)
    entry.device = std::ranges::find_if(devices_, may_be_on)->id;
  const bool may_be_on_cpu = std::ranges::any_of(
      devices_, [&](const core::Device& device) { return device.is_cpu && may_be_on(device); });
  if (entry.memory.on_device || !may_be_on_cpu) return;
  constexpr std::uint64_t kBelowMiB = (1U << 20) - 1;
  if (const auto bytes = os::resident_bytes(entry.process.pid))
    entry.memory.resident = MiB(static_cast<std::int64_t>((*bytes + kBelowMiB) >> 20));
}

std::vector<DeviceProcess> Catalog::processes() {
  std::vector<DeviceProcess> all;
  std::vector<vendors::Descriptor> scanned;
  for (const Source& source : sources_) {
    bool untold = false;
    for (const core::Device& device : devices_)
      if (device.vendor == source.vendor.id && !add_told(device, all)) untold = true;
    if (untold) scanned.push_back(source.vendor);
  }
  std::ranges::move(scan_.scan(scanned), std::back_inserter(all));
  for (DeviceProcess& entry : all) complete(entry);
  return all;
}

}  // namespace melon::devlib

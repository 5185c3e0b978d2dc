// SPDX-License-Identifier: Apache-2.0
// Finds devices, holds their locks, watches their health and their users.
#include "agent/device_roster.h"

#include <algorithm>

namespace melon::agent {

using core::Device;
using core::Health;

DeviceRoster::DeviceRoster(std::shared_ptr<devlib::Catalog> catalog, RosterSettings settings)
    : catalog_(std::move(catalog)), settings_(std::move(settings)) {}

bool DeviceRoster::is_ignored(const Device& device) const {
  return std::ranges::any_of(settings_.ignored, [&device](const std::string& name) {
    return name == device.id || name == device.key || name == device.vendor ||
           std::ranges::find(device.aliases, name) != device.aliases.end();
  });
}

bool DeviceRoster::take_lock(Device& device) {
  auto lock = devlib::DeviceLock::take(settings_.lock_folder, device.key, settings_.state_folder);
  if (lock) {
    locks_.push_back(std::move(*lock));
    locked_.insert(device.key);
    return true;
  }
  device.health = Health::kHeld;
  device.health_reason = lock.error().message;
  const bool held = lock.error().code == Code::kAlreadyExists;
  (held ? holders_ : lock_remedies_)[device.id] = lock.error().remedy;
  (held ? lock_remedies_ : holders_).erase(device.id);
  return false;
}

void DeviceRoster::discover() {
  devlib::Discovered found = catalog_->discover();
  devices_ = std::move(found.devices);
  faults_ = std::move(found.faults);
  std::erase_if(devices_, [this](const Device& device) { return is_ignored(device); });
  if (!settings_.has_library)
    for (Device& device : devices_) device.enforcement = core::Enforcement::kNone;
  for (Device& device : devices_)
    if (!locked_.contains(device.key)) take_lock(device);
  take(look_at(*catalog_, devices_));
}

void DeviceRoster::keep_memory(const std::map<std::string, MiB>& memory) {
  for (Device& device : devices_)
    if (const auto kept = memory.find(device.key); kept != memory.end())
      device.memory = kept->second;
}

bool DeviceRoster::take(DeviceLook look) {
  bool changed = false;
  processes_ = std::move(look.processes);
  for (Device& device : devices_) {
    const auto before = device.health;
    if (!locked_.contains(device.key)) {
      if (!take_lock(device)) continue;
    }
    const auto found = look.samples.find(device.id);
    if (found == look.samples.end()) continue;
    devlib::Sample& sample = found->second;
    device.health = sample.health;
    device.health_reason = sample.health_reason;
    changed = changed || device.health != before;
    samples_[device.id] = std::move(sample);
  }
  return changed;
}

const devlib::Sample& DeviceRoster::sample_of(const std::string& device_id) const {
  static const devlib::Sample kUnknown;
  const auto found = samples_.find(device_id);
  return found == samples_.end() ? kUnknown : found->second;
}

std::string DeviceRoster::device_of(const devlib::DeviceProcess& process) const {
  if (!process.device.empty()) return process.device;
  const auto is_theirs = [&process](const Device& device) {
    return device.vendor == process.vendor;
  };
  if (std::ranges::count_if(devices_, is_theirs) != 1) return {};
  return std::ranges::find_if(devices_, is_theirs)->id;
}

}  // namespace melon::agent

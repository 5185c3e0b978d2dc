// SPDX-License-Identifier: Apache-2.0
// One card that several libraries see is one device.
#include <algorithm>
#include <optional>

#include "devlib/catalog.h"

namespace melon::devlib {
namespace {

bool same_card(const core::Device& a, const core::Device& b) {
  return a.key == b.key || std::ranges::find_first_of(a.aliases, b.aliases) != a.aliases.end();
}

/// `more` tells of the same card as `device`, which was first.
void absorb(core::Device& device, const core::Device& more) {
  using core::Enforcement;
  if (device.enforcement == Enforcement::kNone && more.enforcement == Enforcement::kShim)
    device.key = more.key;
  if (more.enforcement == Enforcement::kNone) device.enforcement = Enforcement::kNone;
  if (device.health == core::Health::kHealthy) {
    device.health = more.health;
    device.health_reason = more.health_reason;
  }
  if (device.memory == MiB(0)) device.memory = more.memory;
  if (device.compute_units == 0) device.compute_units = more.compute_units;
  if (device.kind.empty() || (device.is_cpu && !more.is_cpu)) device.kind = more.kind;
  device.is_cpu = device.is_cpu && more.is_cpu;
  device.simulated = device.simulated || more.simulated;
  for (const std::string& alias : more.aliases)
    if (std::ranges::find(device.aliases, alias) == device.aliases.end())
      device.aliases.push_back(alias);
}

}  // namespace

std::vector<core::Device> merge_devices(std::span<const core::Device> devices) {
  std::vector<core::Device> merged;
  for (const core::Device& next : devices) {
    core::Device* into = nullptr;
    // Newly learnt aliases may join two that were apart, so all matches fold into the first.
    for (std::size_t i = 0; i < merged.size();) {
      if (!same_card(merged[i], next)) {
        ++i;
      } else if (into == nullptr) {
        into = &merged[i++];
      } else {
        absorb(*into, merged[i]);
        merged.erase(merged.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    if (into != nullptr)
      absorb(*into, next);
    else
      merged.push_back(next);
  }
  return merged;
}

}  // namespace melon::devlib

// SPDX-License-Identifier: Apache-2.0
// Finds out which devices of a machine a request means.
#include "placement/detail/selection.h"

#include <fmt/format.h>

#include <algorithm>

namespace melon::placement::detail {
namespace {

using core::Device;
using core::Request;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool same_letters(char a, char b) { return lower(a) == lower(b); }

bool matches_type(const Device& device, std::string_view type) {
  if (std::ranges::equal(device.vendor, type, same_letters)) return true;
  if (std::ranges::equal(device.kind, type, same_letters)) return true;
  return std::search(device.type.begin(), device.type.end(), type.begin(), type.end(),
                     same_letters) != device.type.end();
}

bool is_meant(const Device& device, const Request& request) {
  return (request.device.empty() || is_named(device, request.device)) &&
         (request.type.empty() || matches_type(device, request.type));
}

Rejection rejection(const Device& device, std::string_view rule, std::string message) {
  return {device.id, std::string(rule), std::move(message)};
}

/// Why another daemon, its lock or a fault keeps the device from everybody.
std::optional<Rejection> outage(const Device& device) {
  if (device.health == core::Health::kHeld)
    return rejection(device, "held",
                     fmt::format("{} cannot be had: {}", device.id, device.health_reason));
  if (device.health == core::Health::kUnhealthy)
    return rejection(device, "health",
                     fmt::format("{} is unhealthy: {}", device.id, device.health_reason));
  return std::nullopt;
}

/// The first rule, amounts apart, by which the device refuses the request.
std::optional<Rejection> bar(const Device& device, const Request& request,
                             const Conditions& conditions, bool other_than_cpu) {
  if (!request.type.empty() && !matches_type(device, request.type))
    return rejection(device, "type",
                     fmt::format("{} is a {} of vendor {}, not of type '{}'", device.id,
                                 device.type, device.vendor, request.type));
  if (device.is_cpu && other_than_cpu)
    return rejection(
        device, "cpu",
        fmt::format("{} is a CPU: taken only by --device or --type, or where nothing else is",
                    device.id));
  if (auto found = outage(device); found && !conditions.whatever_health) return found;
  if (device.enforcement == core::Enforcement::kNone && !request.unenforced)
    return rejection(device, "enforcement",
                     fmt::format("nothing enforces limits on {} (vendor {}); --unenforced accepts "
                                 "that",
                                 device.id, device.vendor));
  if (conditions.reserved != nullptr && conditions.reserved->contains(device.id))
    return rejection(device, "queue",
                     fmt::format("{} is kept for a request that is waiting already", device.id));
  return std::nullopt;
}

}  // namespace

bool is_named(const Device& device, std::string_view name) {
  return device.id == name || std::ranges::find(device.aliases, name) != device.aliases.end();
}

std::vector<std::string> Selection::not_offered() const {
  std::vector<std::string> ids;
  for (const Candidate& candidate : candidates)
    if (!candidate.is_offered) ids.push_back(candidate.device->id);
  return ids;
}

Selection select(const std::vector<const Device*>& among, const Request& request,
                 const Conditions& conditions) {
  Selection selection;
  bool other_than_cpu = false;
  for (const Device* const device : among) {
    selection.is_named = selection.is_named || is_named(*device, request.device);
    if (!is_meant(*device, request)) continue;
    selection.is_matched = true;
    other_than_cpu = other_than_cpu || !device->is_cpu;
  }
  for (const Device* const device : among) {
    Candidate candidate{.device = device};
    // With a device named, the others are beside the point.
    if (request.device.empty() || is_named(*device, request.device)) {
      candidate.barred = bar(*device, request, conditions, other_than_cpu);
      candidate.is_offered = !candidate.barred;
    }
    selection.candidates.push_back(std::move(candidate));
  }
  return selection;
}

}  // namespace melon::placement::detail

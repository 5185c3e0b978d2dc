// SPDX-License-Identifier: Apache-2.0
// First come, first served over devices, with reservation for those who wait.
#include "placement/queue.h"

#include <algorithm>

#include "placement/detail/fit.h"

namespace melon::placement {
namespace {

void append(std::vector<std::string>& reserved, std::vector<std::string> more) {
  reserved.insert(reserved.end(), std::move_iterator(more.begin()), std::move_iterator(more.end()));
}

DeviceState* find_device(std::span<DeviceState> devices, const std::string& id) {
  const auto found = std::ranges::find_if(
      devices, [&id](const DeviceState& state) { return state.device.id == id; });
  return found == devices.end() ? nullptr : &*found;
}

}  // namespace

void book(std::span<DeviceState> devices, const Placement& placement) {
  for (const core::Slice& slice : placement)
    if (DeviceState* const state = find_device(devices, slice.device)) {
      state->booked_memory += slice.memory;
      state->booked_compute += slice.compute;
      ++state->grants;
    }
}

void unbook(std::span<DeviceState> devices, const Placement& placement) {
  for (const core::Slice& slice : placement)
    if (DeviceState* const state = find_device(devices, slice.device)) {
      state->booked_memory -= slice.memory;
      state->booked_compute -= slice.compute;
      --state->grants;
    }
}

std::vector<Start> next_starts(std::span<const DeviceState> devices,
                               std::span<const core::Request> waiting, const Limits& limits) {
  std::vector<DeviceState> now(devices.begin(), devices.end());
  std::vector<std::string> reserved;
  std::vector<Start> starts;
  for (std::size_t waiter = 0; waiter < waiting.size(); ++waiter) {
    const core::Request& request = waiting[waiter];
    auto decision = detail::place_around(now, request, limits, reserved);
    if (auto* const placement = std::get_if<Placement>(&decision)) {
      book(now, *placement);
      starts.push_back({waiter, std::move(*placement)});
    } else {
      append(reserved, detail::usable_devices(now, request, limits));
    }
  }
  return starts;
}

std::variant<Placement, Refusal> place_behind(std::span<const DeviceState> devices,
                                              std::span<const core::Request> waiting,
                                              const core::Request& request, const Limits& limits) {
  std::vector<std::string> reserved;
  for (const core::Request& earlier : waiting)
    append(reserved, detail::usable_devices(devices, earlier, limits));
  return detail::place_around(devices, request, limits, reserved);
}

}  // namespace melon::placement

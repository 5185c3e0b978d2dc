// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <variant>
#include <vector>

#include "placement/place.h"

namespace melon::placement {

// The queue: first come, first served, with reservation. A request that waits reserves every device
// that it could ever use: nobody who came later is placed there until it has started. So whoever
// came later changes nothing for it, whatever sizes and life times they have, and a large request
// is not starved by small ones. Those who came later may still use the other devices.

/// A waiting request that starts now, and where.
struct Start {
  std::size_t waiter = 0;  // its position in the queue
  Placement placement = {};
};

/// Which of the waiting requests start now, in order. `waiting` is in order of arrival and holds
/// only requests that may start as far as everything but devices is concerned; the caller checks
/// its owner's limits when it joins the queue. Pure and deterministic.
std::vector<Start> next_starts(std::span<const DeviceState> devices,
                               std::span<const core::Request> waiting, const Limits& limits);

/// place() for a request that came after those that wait: devices that they reserve refuse it by
/// the rule "queue". Also says why the last of a queue waits.
std::variant<Placement, Refusal> place_behind(std::span<const DeviceState> devices,
                                              std::span<const core::Request> waiting,
                                              const core::Request& request, const Limits& limits);

/// Books the slices on their devices, as one grant.
void book(std::span<DeviceState> devices, const Placement& placement);
/// Takes back what book() did.
void unbook(std::span<DeviceState> devices, const Placement& placement);

}  // namespace melon::placement

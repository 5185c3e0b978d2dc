// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "placement/machine.h"

namespace melon::placement {

// The queue: first come, first served, with reservation. A request that waits reserves every device
// that it could ever use: nobody who came later is placed there until it has started. So whoever
// came later changes nothing for it, whatever sizes and life times they have, and a large request
// is not starved by small ones. Those who came later may still use the other devices. A grant that
// holds slices and asks for more of them came later too: it does not grow on a reserved device.

/// A request that waits, and the grant that will hold its slices.
struct Waiter {
  std::string grant = {};
  core::Request request = {};
};

/// A waiting request that starts now, and where.
struct Start {
  std::size_t waiter = 0;  // its position in the queue
  Placement placement = {};
};

/// Which of the waiting requests start now, in order; the machine holds their slices from now on.
/// `waiting` is in order of arrival and holds only requests that may start as far as everything but
/// devices is concerned; the caller checks its owner's limits when it joins the queue.
/// Deterministic.
std::vector<Start> start_waiting(Machine& machine, std::span<const Waiter> waiting);

/// Machine::place() for a request that came after those that wait: devices that they reserve refuse
/// it by the rule "queue". Also says why the last of a queue waits. Books nothing.
std::variant<Placement, Refusal> place_behind(const Machine& machine,
                                              std::span<const Waiter> waiting,
                                              const core::Request& request);

/// Machine::place_again() beside those that wait: what grows nowhere is placed as ever, what grows
/// on a device that they reserve is refused by the rule "queue"; who only asks for more compute
/// takes nothing from those that book none. Books nothing.
std::variant<Placement, Refusal> place_again_behind(const Machine& machine,
                                                    std::span<const Waiter> waiting,
                                                    const core::Grant& grant,
                                                    const core::Request& request);

}  // namespace melon::placement

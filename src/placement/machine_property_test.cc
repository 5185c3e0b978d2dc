// SPDX-License-Identifier: Apache-2.0
// Laws of placement over random machines and requests.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "core/names.h"
#include "placement/machine.h"
#include "placement/testing.h"

namespace melon::placement {
namespace {

using testing::any_devices;
using testing::any_request;

Limits any_limits() {
  return {.memory = Permille(*rc::gen::element<std::int64_t>(1000, 1000, 1500)),
          .compute = Permille(*rc::gen::element<std::int64_t>(1000, 1000, 2000))};
}

/// A machine on which random requests have been placed already, some of which ended.
Machine any_busy_machine(const Limits& limits) {
  Machine machine = testing::machine_of(any_devices(), limits);
  const int tries = *rc::gen::inRange(0, 8);
  for (int i = 0; i < tries; ++i) {
    const auto decision = machine.place(any_request());
    if (const auto* const placement = std::get_if<Placement>(&decision))
      machine.hold("g-" + std::to_string(i), *placement);
    if (*rc::gen::inRange(0, 6) == 0) machine.release("g-" + std::to_string(i / 2));
  }
  return machine;
}

bool is_placed(const Machine& machine, const core::Request& request) {
  return std::holds_alternative<Placement>(machine.place(request));
}

/// Every device by itself: what place() must agree with, worked out without the engine.
bool takes_slice(const DeviceState& state, const core::Request& request, const Limits& limits) {
  const core::Device& device = state.device;
  const MiB bookable(device.memory.count() * limits.memory.count() / 1000);
  const MiB asked = request.memory ? request.memory->on(device.memory) : device.memory;
  if (device.health != core::Health::kHealthy) return false;
  if (device.enforcement == core::Enforcement::kNone && !request.unenforced) return false;
  if (!request.device.empty() && device.id != request.device) return false;
  if (!request.type.empty() && request.type != "a" && device.type != "Acme B") return false;
  if (!request.memory && state.grants > 0) return false;
  return asked <= device.memory && state.booked_memory + asked <= bookable &&
         state.booked_compute + request.booked() <= limits.compute;
}

bool same_bookings(const std::vector<DeviceState>& a, const std::vector<DeviceState>& b) {
  return std::ranges::equal(a, b, [](const DeviceState& x, const DeviceState& y) {
    return x.booked_memory == y.booked_memory && x.booked_compute == y.booked_compute &&
           x.grants == y.grants;
  });
}

RC_GTEST_PROP(MachineLaws, NothingIsBookedTwice, ()) {
  const Limits limits = any_limits();
  for (const DeviceState& state : any_busy_machine(limits).states()) {
    RC_ASSERT(state.booked_memory.count() * 1000 <=
              state.device.memory.count() * limits.memory.count());
    RC_ASSERT(state.booked_compute <= limits.compute);
    if (state.device.health != core::Health::kHealthy) RC_ASSERT(state.grants == 0);
  }
}

RC_GTEST_PROP(MachineLaws, SlicesAreDistinctAndOfTheAmountAsked, ()) {
  const Limits limits = any_limits();
  const Machine machine = any_busy_machine(limits);
  const auto devices = machine.states();
  const core::Request request = any_request();
  RC_PRE(core::check_request(request).has_value());
  const auto decision = machine.place(request);
  RC_PRE(std::holds_alternative<Placement>(decision));
  std::set<std::string> used;
  for (const core::Slice& slice : std::get<Placement>(decision)) {
    RC_ASSERT(used.insert(slice.device).second);
    RC_ASSERT(slice.compute == request.booked());
    RC_ASSERT(slice.ceiling >= slice.compute);
    const auto state = std::ranges::find_if(
        devices, [&](const DeviceState& known) { return known.device.id == slice.device; });
    const MiB asked =
        request.memory ? request.memory->on(state->device.memory) : state->device.memory;
    RC_ASSERT(slice.memory == asked);
    if (!request.memory) RC_ASSERT(state->grants == 0);
  }
  RC_ASSERT(static_cast<int>(used.size()) == request.count);
}

RC_GTEST_PROP(MachineLaws, ReleaseRestores, ()) {
  const Limits limits = any_limits();
  Machine machine = any_busy_machine(limits);
  const auto before = machine.states();
  const auto decision = machine.place(any_request());
  RC_PRE(std::holds_alternative<Placement>(decision));
  machine.hold("new", std::get<Placement>(decision));
  RC_ASSERT(!same_bookings(machine.states(), before));
  machine.release("new");
  RC_ASSERT(same_bookings(machine.states(), before));
}

RC_GTEST_PROP(MachineLaws, TheOrderOfDevicesDoesNotMatter, ()) {
  const Limits limits = any_limits();
  const Machine machine = any_busy_machine(limits);
  const core::Request request = any_request();
  auto turned = machine.states();
  std::ranges::reverse(turned);
  const auto first = machine.place(request);
  const auto second = testing::place(turned, request, limits);
  RC_ASSERT(first.index() == second.index());
  if (const auto* const placement = std::get_if<Placement>(&first))
    RC_ASSERT(*placement == std::get<Placement>(second));
}

RC_GTEST_PROP(MachineLaws, WhatFitsIsPlacedOnTheDevicesWhereTheLeastStaysFree, ()) {
  const Limits limits = any_limits();
  std::vector<DeviceState> devices = any_devices();
  for (DeviceState& state : devices) state.device.is_cpu = false;  // that rule has its own tests
  Machine machine = testing::machine_of(devices, limits);
  const int tries = *rc::gen::inRange(1, 10);
  for (int i = 0; i < tries; ++i) {
    const core::Request request = any_request();
    const auto left = [&](const DeviceState& state) {
      const MiB asked =
          request.memory ? request.memory->on(state.device.memory) : state.device.memory;
      const MiB bookable(state.device.memory.count() * limits.memory.count() / 1000);
      const MiB room = std::min(bookable - state.booked_memory, state.device.memory);
      const Permille compute = std::min(limits.compute - state.booked_compute, kWholeDevice);
      return std::tuple(room - asked, compute - request.booked(), state.device.id);
    };
    auto states = machine.states();
    std::erase_if(states,
                  [&](const DeviceState& state) { return !takes_slice(state, request, limits); });
    std::ranges::sort(states, {}, left);
    const auto decision = machine.place(request);
    RC_ASSERT(std::holds_alternative<Placement>(decision) == (std::ssize(states) >= request.count));
    if (std::holds_alternative<Refusal>(decision)) continue;
    const auto& placement = std::get<Placement>(decision);
    for (std::size_t slice = 0; slice < placement.size(); ++slice)
      RC_ASSERT(placement.at(slice).device == states.at(slice).device.id);
    machine.hold("g-" + std::to_string(i), placement);
  }
}

/// One that the daemon is told, in whatever order.
RC_GTEST_PROP(MachineLaws, DevicesThatGoAndComeBackFindTheirGrants, ()) {
  const Limits limits = any_limits();
  Machine machine = any_busy_machine(limits);
  const auto before = machine.states();
  const std::vector<core::Device> devices = machine.devices();
  std::vector<core::Device> some;
  for (const core::Device& device : devices)
    if (*rc::gen::arbitrary<bool>()) some.push_back(device);
  machine.set_devices(some);
  for (const DeviceState& state : machine.states())
    RC_ASSERT(std::ranges::any_of(before, [&](const DeviceState& known) {
      return known.device.id == state.device.id && known.grants == state.grants &&
             known.booked_memory == state.booked_memory;
    }));
  machine.set_devices(devices);
  RC_ASSERT(same_bookings(machine.states(), before));
}

RC_GTEST_PROP(MachineLaws, WhatIsOfferedIsPlacedAndOneGranuleMoreIsRefused, ()) {
  const Limits limits = any_limits();
  const Machine machine = any_busy_machine(limits);
  const core::Request request = any_request();
  const auto decision = machine.place(request);
  RC_PRE(std::holds_alternative<Refusal>(decision));
  const auto& refusal = std::get<Refusal>(decision);
  RC_ASSERT(!refusal.rejections.empty());
  RC_CLASSIFY(refusal.together, "together");
  RC_CLASSIFY(refusal.memory_that_fits.has_value(), "memory offered");

  core::Request offered = request;
  if (refusal.together) {
    offered.memory = MemoryAmount{*refusal.memory_that_fits, std::nullopt};
    offered.compute = refusal.compute_that_fits;
    RC_ASSERT(is_placed(machine, offered));
  }
  if (refusal.memory_that_fits) {
    offered.memory = MemoryAmount{*refusal.memory_that_fits, std::nullopt};
    RC_ASSERT(is_placed(machine, offered));
    offered.memory->absolute += MiB(1);
    RC_ASSERT(!is_placed(machine, offered));
  }
  offered.memory =
      refusal.together ? MemoryAmount{*refusal.memory_that_fits, std::nullopt} : request.memory;
  if (refusal.compute_that_fits) {
    offered.compute = refusal.compute_that_fits;
    RC_ASSERT(is_placed(machine, offered));
    *offered.compute += Permille(1);
    RC_ASSERT(!is_placed(machine, offered));
  }
}

RC_GTEST_PROP(MachineLaws, WithNothingOfferedNoAmountFits, ()) {
  const Limits limits = any_limits();
  const Machine machine = any_busy_machine(limits);
  const core::Request request = any_request();
  const auto decision = machine.place(request);
  RC_PRE(std::holds_alternative<Refusal>(decision));
  const auto& refusal = std::get<Refusal>(decision);
  RC_PRE(!refusal.memory_that_fits && !refusal.compute_that_fits);
  core::Request least = request;
  least.memory = MemoryAmount{MiB(1), std::nullopt};
  if (least.compute) least.compute = Permille(1);
  RC_ASSERT(!is_placed(machine, least));
}

RC_GTEST_PROP(MachineLaws, CanEverFitIsTheAnswerOfTheEmptyMachine, ()) {
  const Limits limits = any_limits();
  const Machine machine = any_busy_machine(limits);
  const core::Request request = any_request();
  const auto decision = machine.place(request);
  Machine empty(limits);
  empty.set_devices(machine.devices());
  if (const auto* const refusal = std::get_if<Refusal>(&decision))
    RC_ASSERT(refusal->can_ever_fit == is_placed(empty, request));
  else
    RC_ASSERT(is_placed(empty, request));
}

}  // namespace
}  // namespace melon::placement

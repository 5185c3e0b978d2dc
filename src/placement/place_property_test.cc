// SPDX-License-Identifier: Apache-2.0
// Laws of placement over random machines and requests.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "core/names.h"
#include "placement/place.h"
#include "placement/queue.h"
#include "placement/testing.h"

namespace melon::placement {
namespace {

using testing::any_devices;
using testing::any_request;

Limits any_limits() {
  return {.memory = Permille(*rc::gen::element<std::int64_t>(1000, 1000, 1500)),
          .compute = Permille(*rc::gen::element<std::int64_t>(1000, 1000, 2000))};
}

/// A machine on which random requests have been placed already.
std::vector<DeviceState> any_busy_devices(const Limits& limits) {
  std::vector<DeviceState> devices = any_devices();
  const int tries = *rc::gen::inRange(0, 8);
  for (int i = 0; i < tries; ++i) {
    const auto decision = place(devices, any_request(), limits);
    if (const auto* const placement = std::get_if<Placement>(&decision)) book(devices, *placement);
  }
  return devices;
}

bool is_placed(const std::vector<DeviceState>& devices, const core::Request& request,
               const Limits& limits) {
  return std::holds_alternative<Placement>(place(devices, request, limits));
}

bool same_bookings(const std::vector<DeviceState>& a, const std::vector<DeviceState>& b) {
  return std::ranges::equal(a, b, [](const DeviceState& x, const DeviceState& y) {
    return x.booked_memory == y.booked_memory && x.booked_compute == y.booked_compute &&
           x.grants == y.grants;
  });
}

RC_GTEST_PROP(PlaceLaws, NothingIsBookedTwice, ()) {
  const Limits limits = any_limits();
  for (const DeviceState& state : any_busy_devices(limits)) {
    RC_ASSERT(state.booked_memory.count() * 1000 <=
              state.device.memory.count() * limits.memory.count());
    RC_ASSERT(state.booked_compute <= limits.compute);
    if (state.device.health != core::Health::kHealthy) RC_ASSERT(state.grants == 0);
  }
}

RC_GTEST_PROP(PlaceLaws, SlicesAreDistinctAndOfTheAmountAsked, ()) {
  const Limits limits = any_limits();
  const auto devices = any_busy_devices(limits);
  const core::Request request = any_request();
  RC_PRE(core::check_request(request).has_value());
  const auto decision = place(devices, request, limits);
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

RC_GTEST_PROP(PlaceLaws, ReleaseRestores, ()) {
  const Limits limits = any_limits();
  const auto before = any_busy_devices(limits);
  const auto decision = place(before, any_request(), limits);
  RC_PRE(std::holds_alternative<Placement>(decision));
  auto devices = before;
  book(devices, std::get<Placement>(decision));
  RC_ASSERT(!same_bookings(devices, before));
  unbook(devices, std::get<Placement>(decision));
  RC_ASSERT(same_bookings(devices, before));
}

RC_GTEST_PROP(PlaceLaws, TheOrderOfDevicesDoesNotMatter, ()) {
  const Limits limits = any_limits();
  const auto devices = any_busy_devices(limits);
  const core::Request request = any_request();
  auto turned = devices;
  std::ranges::reverse(turned);
  const auto first = place(devices, request, limits);
  const auto second = place(turned, request, limits);
  RC_ASSERT(first.index() == second.index());
  if (const auto* const placement = std::get_if<Placement>(&first))
    RC_ASSERT(*placement == std::get<Placement>(second));
}

RC_GTEST_PROP(PlaceLaws, WhatIsOfferedIsPlacedAndOneGranuleMoreIsRefused, ()) {
  const Limits limits = any_limits();
  const auto devices = any_busy_devices(limits);
  const core::Request request = any_request();
  const auto decision = place(devices, request, limits);
  RC_PRE(std::holds_alternative<Refusal>(decision));
  const auto& refusal = std::get<Refusal>(decision);
  RC_ASSERT(!refusal.rejections.empty());
  RC_CLASSIFY(refusal.together, "together");
  RC_CLASSIFY(refusal.memory_that_fits.has_value(), "memory offered");

  core::Request offered = request;
  if (refusal.together) {
    offered.memory = MemoryAmount{*refusal.memory_that_fits, std::nullopt};
    offered.compute = refusal.compute_that_fits;
    RC_ASSERT(is_placed(devices, offered, limits));
  }
  if (refusal.memory_that_fits) {
    offered.memory = MemoryAmount{*refusal.memory_that_fits, std::nullopt};
    RC_ASSERT(is_placed(devices, offered, limits));
    offered.memory->absolute += MiB(1);
    RC_ASSERT(!is_placed(devices, offered, limits));
  }
  offered.memory =
      refusal.together ? MemoryAmount{*refusal.memory_that_fits, std::nullopt} : request.memory;
  if (refusal.compute_that_fits) {
    offered.compute = refusal.compute_that_fits;
    RC_ASSERT(is_placed(devices, offered, limits));
    *offered.compute += Permille(1);
    RC_ASSERT(!is_placed(devices, offered, limits));
  }
}

RC_GTEST_PROP(PlaceLaws, WithNothingOfferedNoAmountFits, ()) {
  const Limits limits = any_limits();
  const auto devices = any_busy_devices(limits);
  const core::Request request = any_request();
  const auto decision = place(devices, request, limits);
  RC_PRE(std::holds_alternative<Refusal>(decision));
  const auto& refusal = std::get<Refusal>(decision);
  RC_PRE(!refusal.memory_that_fits && !refusal.compute_that_fits);
  core::Request least = request;
  least.memory = MemoryAmount{MiB(1), std::nullopt};
  if (least.compute) least.compute = Permille(1);
  RC_ASSERT(!is_placed(devices, least, limits));
}

RC_GTEST_PROP(PlaceLaws, CanEverFitIsTheAnswerOfTheEmptyMachine, ()) {
  const Limits limits = any_limits();
  const auto devices = any_busy_devices(limits);
  const core::Request request = any_request();
  const auto decision = place(devices, request, limits);
  auto empty = devices;
  for (DeviceState& state : empty) state = DeviceState{.device = state.device};
  if (const auto* const refusal = std::get_if<Refusal>(&decision))
    RC_ASSERT(refusal->can_ever_fit == is_placed(empty, request, limits));
  else
    RC_ASSERT(is_placed(empty, request, limits));
}

}  // namespace
}  // namespace melon::placement

// SPDX-License-Identifier: Apache-2.0
#pragma once

// Devices and requests for the tests of this module, made by hand and at random.

#include <rapidcheck.h>

#include <span>
#include <string>
#include <variant>
#include <vector>

#include "placement/machine.h"

namespace melon::placement::testing {

/// A node of like cards, each with so many slots and so much memory.
inline NodeSpec node_of_cards(const std::string& name, int cards, std::int32_t slots,
                              std::int32_t memory, const HostAmounts& capacity) {
  NodeSpec spec{.name = name};
  spec.capacity = capacity;
  for (int i = 0; i < cards; ++i) {
    spec.devices.push_back({.uuid = name + "/" + std::to_string(i), .vendor = "acme", .index = i});
    spec.devices.back().capacity[kSlots] = slots;
    spec.devices.back().capacity[kMemory] = memory;
  }
  return spec;
}

/// A pod of one container that asks for so much memory on each of `count` of these cards.
inline PodRequest asking(std::int32_t memory, int count = 1, std::int64_t cpu_milli = 0) {
  DeviceDemand demand{.vendor = "acme", .count = count};
  demand.each[kMemory] = memory;
  PodRequest request;
  request.containers.push_back({.host = {.cpu_milli = cpu_milli}, .devices = {demand}});
  return request;
}

inline DeviceState gpu(std::string id, MiB memory) {
  DeviceState state;
  state.device.id = std::move(id);
  state.device.vendor = "acme";
  state.device.type = "Acme Accelerator 100";
  state.device.memory = memory;
  state.device.compute_units = 8;
  return state;
}

inline DeviceState cpu(std::string id, MiB memory) {
  DeviceState state = gpu(std::move(id), memory);
  state.device.vendor = "opencl";
  state.device.type = "pthread-Some CPU";
  state.device.is_cpu = true;
  return state;
}

inline DeviceState booked(DeviceState state, MiB memory, Permille compute, int grants = 1) {
  state.booked_memory = memory;
  state.booked_compute = compute;
  state.grants = grants;
  return state;
}

/// The machine with these devices, on each of which as many grants hold what is booked.
inline Machine machine_of(std::span<const DeviceState> states, const Limits& limits) {
  Machine machine(limits);
  std::vector<core::Device> devices;
  for (const DeviceState& state : states) devices.push_back(state.device);
  machine.set_devices(devices);
  for (const DeviceState& state : states)
    for (int i = 0; i < state.grants; ++i)
      machine.hold("on " + state.device.id + " " + std::to_string(i),
                   {{.device = state.device.id,
                     .memory = i == 0 ? state.booked_memory : MiB(0),
                     .compute = i == 0 ? state.booked_compute : Permille(0)}});
  return machine;
}

inline std::variant<Placement, Refusal> place(std::span<const DeviceState> states,
                                              const core::Request& request, const Limits& limits) {
  return machine_of(states, limits).place(request);
}

inline std::optional<MemoryAmount> amount(std::int64_t mib) {
  return MemoryAmount{MiB(mib), std::nullopt};
}

/// 1 to 5 devices of small sizes, so that amounts collide often; some unhealthy, held or CPUs.
inline std::vector<DeviceState> any_devices() {
  std::vector<DeviceState> devices;
  const int count = *rc::gen::inRange(1, 6);
  for (int i = 0; i < count; ++i) {
    DeviceState state = gpu("d" + std::to_string(i), MiB(*rc::gen::inRange<std::int64_t>(1, 64)));
    state.device.is_cpu = *rc::gen::weightedElement<bool>({{5, false}, {1, true}});
    state.device.health = *rc::gen::weightedElement<core::Health>(
        {{8, core::Health::kHealthy}, {1, core::Health::kUnhealthy}, {1, core::Health::kHeld}});
    state.device.enforcement = *rc::gen::weightedElement<core::Enforcement>(
        {{8, core::Enforcement::kShim}, {1, core::Enforcement::kNone}});
    state.device.type = *rc::gen::element<std::string>("Acme A", "Acme B");
    devices.push_back(std::move(state));
  }
  return devices;
}

/// The same, all of them healthy and enforced.
inline std::vector<DeviceState> any_good_devices() {
  std::vector<DeviceState> devices = any_devices();
  for (DeviceState& state : devices) {
    state.device.health = core::Health::kHealthy;
    state.device.enforcement = core::Enforcement::kShim;
  }
  return devices;
}

/// A request that check_request() passes.
inline core::Request any_request() {
  core::Request request;
  const int memory = *rc::gen::inRange(0, 10);
  if (memory > 1) request.memory = amount(*rc::gen::inRange<std::int64_t>(1, 70));
  if (memory == 1)
    request.memory = MemoryAmount{MiB(0), Permille(*rc::gen::inRange<std::int64_t>(1, 1001))};
  if (*rc::gen::arbitrary<bool>()) {
    request.compute = Permille(*rc::gen::inRange<std::int64_t>(1, 1001));
    if (*rc::gen::arbitrary<bool>()) request.share = core::ShareMode::kBurst;
  }
  request.count = *rc::gen::weightedElement<int>({{6, 1}, {2, 2}, {1, 3}});
  request.unenforced = *rc::gen::arbitrary<bool>();
  if (*rc::gen::inRange(0, 4) == 0) request.type = *rc::gen::element<std::string>("acme b", "a");
  if (request.count == 1 && *rc::gen::inRange(0, 6) == 0) request.device = "d0";
  return request;
}

}  // namespace melon::placement::testing

// SPDX-License-Identifier: Apache-2.0
// What one decision of a daemon costs on a machine with many devices and many grants.
#include <benchmark/benchmark.h>

#include "placement/machine.h"

namespace melon::placement {
namespace {

constexpr int kGrants = 1000;

Machine machine_with(std::int64_t devices) {
  Machine machine({});
  std::vector<core::Device> all;
  for (std::int64_t i = 0; i < devices; ++i)
    all.push_back({.id = "device-" + std::to_string(i), .memory = MiB(81920)});
  machine.set_devices(all);
  for (int i = 0; i < kGrants; ++i)
    machine.hold("g-" + std::to_string(i),
                 {{.device = "device-" + std::to_string(i % devices), .memory = MiB(i % 16 + 1)}});
  return machine;
}

/// Budget: 16 devices and 1000 grants in 20 us, so that a decision never shows beside the request
/// that carries it. Arguments: devices, MiB asked (more than there is: refused with reasons).
void BM_Place(benchmark::State& state) {
  const Machine machine = machine_with(state.range(0));
  const core::Request request{.memory = MemoryAmount{MiB(state.range(1)), std::nullopt},
                              .compute = Permille(250)};
  for (auto _ : state) benchmark::DoNotOptimize(machine.place(request));
}
BENCHMARK(BM_Place)->ArgsProduct({{1, 16}, {4096, 99999}});

void BM_HoldAndRelease(benchmark::State& state) {
  Machine machine = machine_with(state.range(0));
  const Placement slices = {{.device = "device-0", .memory = MiB(1)}};
  for (auto _ : state) {
    machine.hold("new", slices);
    machine.release("new");
  }
}
BENCHMARK(BM_HoldAndRelease)->Arg(1)->Arg(16);

}  // namespace
}  // namespace melon::placement

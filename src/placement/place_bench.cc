// SPDX-License-Identifier: Apache-2.0
// What one decision costs on a machine with many devices.
#include <benchmark/benchmark.h>

#include "placement/place.h"

namespace melon::placement {
namespace {

/// Budget: 16 devices in 10 us, so that a decision never shows beside the request that carries it.
void BM_Place(benchmark::State& state) {
  std::vector<DeviceState> devices;
  for (int i = 0; i < state.range(0); ++i) {
    DeviceState device;
    device.device.id = "device-" + std::to_string(i);
    device.device.memory = MiB(81920);
    device.booked_memory = MiB(1024 * (i % 80));
    devices.push_back(std::move(device));
  }
  const core::Request request{.memory = MemoryAmount{MiB(16384), std::nullopt},
                              .compute = Permille(250)};
  for (auto _ : state) benchmark::DoNotOptimize(place(devices, request, {}));
}
BENCHMARK(BM_Place)->Arg(1)->Arg(16);

}  // namespace
}  // namespace melon::placement

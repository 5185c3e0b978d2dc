// SPDX-License-Identifier: Apache-2.0
// What enforcement adds to a launch and to an allocation. Budgets: a launch 40 ns with a limit and
// 15 ns without; reserve and release together 40 ns, so that create and release stay within 60.

#include <benchmark/benchmark.h>
#include <cstdlib>

#include "shim/core/test_grants.h"

namespace melon::shim {
namespace {

/// A program within its limit: on its own clock each launch takes a little longer than it costs the
/// device, so none is held. Finishes are reported at once.
void launches(benchmark::State& state, unsigned permille, bool with_rival) {
  static Nanoseconds now;
  now = 1'000'000'000;
  const Clock clock = {[](void*) { return now; }, [](void*, Nanoseconds until) { now = until; },
                       nullptr};
  TestGrants grants;
  grants.add("g", {.compute_permille = permille});
  if (with_rival) grants.add("rival", {.share = abi::Share::kWeighted});
  Tenant* const tenant = grants.open("g", clock);
  tenant->attach(0, {});
  static thread_local QueueState queue;
  queue = {};
  for (auto _ : state) {
    const Launch launch = tenant->admit(0, queue, 7, Order::kInOrder);
    benchmark::DoNotOptimize(launch);
    now += 600;
    if (launch.flight != nullptr) tenant->finish(launch.flight, now - 500, now);
  }
  tenant->close();
}

void BM_AdmitWithoutLimit(benchmark::State& state) { launches(state, 1000, false); }
void BM_AdmitWithLimit(benchmark::State& state) { launches(state, 900, false); }
void BM_AdmitWithLimitAndRival(benchmark::State& state) { launches(state, 900, true); }
BENCHMARK(BM_AdmitWithoutLimit);
BENCHMARK(BM_AdmitWithLimit);
BENCHMARK(BM_AdmitWithLimitAndRival);

void BM_ReserveAndRelease(benchmark::State& state) {
  TestGrants grants;
  grants.add("g", {.memory_bytes = std::uint64_t{1} << 40});
  Tenant* const tenant = grants.open("g");
  for (std::int64_t i = 0; i < state.range(0); ++i) tenant->reserve(0, 8192);
  for (auto _ : state) {
    benchmark::DoNotOptimize(tenant->reserve(0, 8192));
    tenant->release(0, 8192);
  }
  tenant->close();
}
BENCHMARK(BM_ReserveAndRelease)->Arg(0)->Arg(10'000);

void BM_MemoryUsed(benchmark::State& state) {
  TestGrants grants;
  grants.add("g", {});
  Tenant* const tenant = grants.open("g");
  for (auto _ : state) benchmark::DoNotOptimize(tenant->memory_used(0));
  tenant->close();
}
BENCHMARK(BM_MemoryUsed);

/// Budget: 0.5 ms for all that a process does before its first launch.
void BM_Open(benchmark::State& state) {
  TestGrants grants;
  grants.add("g", {.compute_permille = 500});
  for (auto _ : state) {
    Tenant* const tenant = grants.open("g");
    benchmark::DoNotOptimize(tenant->find_device(kTestKey));
    tenant->close();
  }
}
BENCHMARK(BM_Open)->Iterations(200);

}  // namespace
}  // namespace melon::shim

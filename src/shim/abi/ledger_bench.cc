// SPDX-License-Identifier: Apache-2.0
// Cost of counting one object. Budget: reserve and release together 40 ns on one thread, the same
// with 10 000 objects live, so that the shim adds at most 60 ns to create and release.

#include <benchmark/benchmark.h>

#include <memory>

#include "shim/abi/ledger.h"

namespace melon::abi {
namespace {

/// A ledger and a slot in it, for all threads of a benchmark.
struct Bench {
  Bench() { slot = static_cast<unsigned>(claim_slot(*ledger, self_identity(), -1)); }
  std::unique_ptr<LedgerFile> ledger = std::make_unique<LedgerFile>();
  unsigned slot = 0;
};

Bench& bench() {
  static Bench one;
  return one;
}

/// Each thread on a lane of its own, as the shim's threads are; the device is shared.
void BM_ReserveRelease(benchmark::State& state) {
  Bench& on = bench();
  const auto lane = static_cast<unsigned>(state.thread_index()) % kLanes;
  const auto live = static_cast<unsigned>(state.range(0));
  for (unsigned i = 0; i < live; ++i) reserve(*on.ledger, 0, on.slot, lane, 1, kMaxGranules);
  for (auto _ : state) {
    benchmark::DoNotOptimize(reserve(*on.ledger, 0, on.slot, lane, 1, kMaxGranules));
    release(*on.ledger, 0, on.slot, lane, 1);
  }
  for (unsigned i = 0; i < live; ++i) release(*on.ledger, 0, on.slot, lane, 1);
}
BENCHMARK(BM_ReserveRelease)->Arg(0)->Arg(10'000)->Threads(1)->Threads(4);

void BM_Refuse(benchmark::State& state) {
  Bench& on = bench();
  for (auto _ : state) benchmark::DoNotOptimize(reserve(*on.ledger, 1, on.slot, 0, 2, 1));
}
BENCHMARK(BM_Refuse);

/// Budget: 1 ms of the agent's time for 512 live processes, twice a second.
void BM_ReapWithNobodyDead(benchmark::State& state) {
  const auto ledger = std::make_unique<LedgerFile>();
  for (int i = 0; i < state.range(0); ++i) claim_slot(*ledger, self_identity(), -1);
  for (auto _ : state) benchmark::DoNotOptimize(reap_dead(*ledger, -1));
}
BENCHMARK(BM_ReapWithNobodyDead)->Arg(0)->Arg(1)->Arg(64);

void BM_Audit(benchmark::State& state) {
  const auto ledger = std::make_unique<LedgerFile>();
  ledger->magic = kLedgerMagic;
  ledger->version = kVersion;
  ledger->bytes = sizeof(LedgerFile);
  for (int i = 0; i < state.range(0); ++i) {
    Identity who = self_identity();
    who.pid += static_cast<std::uint32_t>(i);
    claim_slot(*ledger, who, -1);
  }
  for (auto _ : state) benchmark::DoNotOptimize(audit(*ledger));
}
BENCHMARK(BM_Audit)->Arg(1)->Arg(512);

}  // namespace
}  // namespace melon::abi

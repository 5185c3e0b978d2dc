// SPDX-License-Identifier: Apache-2.0
// Processes and threads race to the limit; a counter of their own says what is really held.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "shim/abi/test_ledger.h"

namespace melon::abi {
namespace {

constexpr std::uint64_t kLimit = 97;
constexpr int kProcesses = 4;
constexpr unsigned kThreads = 4;
constexpr int kRounds = 100'000;

/// Kept apart from the ledger: raised after a reservation, lowered before its release, so it never
/// says more than what is truly held.
struct Physical {
  std::atomic<std::uint64_t> held{0};
  std::atomic<std::uint64_t> peak{0};
  std::atomic<std::uint64_t> grants{0};
  std::atomic<std::uint64_t> refusals{0};
  std::atomic<int> done{0};

  void take(std::uint64_t granules) {
    const std::uint64_t now = held.fetch_add(granules) + granules;
    std::uint64_t before = peak.load();
    while (now > before && !peak.compare_exchange_weak(before, now)) {
    }
    grants.fetch_add(1);
  }
  void give(std::uint64_t granules) { held.fetch_sub(granules); }
};

/// One process: lanes are shared by its threads, a lock each, as the shim does it.
struct Process {
  LedgerFile& ledger;
  Physical& physical;
  unsigned slot;
  std::array<std::mutex, kLanes> locks{};

  bool allocate(unsigned lane, std::uint64_t granules) {
    const std::lock_guard hold(locks[lane]);
    if (!reserve(ledger, 0, slot, lane, granules, kLimit)) return false;
    physical.take(granules);
    return true;
  }

  void deallocate(unsigned lane, std::uint64_t granules) {
    physical.give(granules);
    const std::lock_guard hold(locks[lane]);
    release(ledger, 0, slot, lane, granules);
  }

  void work(unsigned thread) {
    std::uint64_t random = (static_cast<std::uint64_t>(getpid()) << 8) + thread;
    std::vector<std::uint64_t> objects;
    for (int i = 0; i < kRounds; ++i) {
      random = random * 6364136223846793005ULL + 1442695040888963407ULL;
      const std::uint64_t granules = 1 + (random >> 33) % 17;
      const auto lane = static_cast<unsigned>((random >> 50) % kLanes);
      // Rather more than less, so that each thread comes to the limit also when it runs alone.
      const bool more = (random >> 60) % 4 != 0;
      if (more && allocate(lane, granules)) {
        objects.push_back(granules);
        continue;
      }
      if (objects.empty()) {
        physical.refusals.fetch_add(1);
        continue;
      }
      deallocate(lane, objects.back());
      objects.pop_back();
    }
    for (const std::uint64_t granules : objects) deallocate(thread, granules);
  }
};

TEST(Race, FourProcessesOfFourThreadsNeverOvershoot) {
  const SharedLedger ledger;
  const Shared<Physical> physical;
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    children.push_back(start_child([&] {
      Process process{*ledger, *physical, claim(*ledger)};
      std::vector<std::thread> threads;
      for (unsigned t = 0; t < kThreads; ++t)
        threads.emplace_back([&process, t] { process.work(t); });
      for (std::thread& thread : threads) thread.join();
      if (audit(*ledger) == Breach::kHeader) _exit(1);
    }));
  }
  for (const pid_t child : children) EXPECT_TRUE(exited_well(wait_child(child)));
  EXPECT_LE(physical->peak.load(), kLimit) << "overshoot";
  EXPECT_GT(physical->peak.load(), kLimit - 17) << "the limit was never reached: nothing was shown";
  EXPECT_GT(physical->grants.load(), 10'000u);
  EXPECT_EQ(physical->held.load(), 0u);
  EXPECT_EQ(used_granules(*ledger, 0), 0u) << "residue";
  EXPECT_EQ(audit(*ledger), Breach::kNone);
  EXPECT_EQ(reap_dead(*ledger, -1), static_cast<unsigned>(kProcesses));
  EXPECT_EQ(used_granules(*ledger, 0), 0u);
}

TEST(Race, KilledProcessesMakeRoomForTheOthersAndNoMore) {
  const SharedLedger ledger;
  const Shared<Physical> physical;
  const auto grab = [&] {
    const unsigned slot = claim(*ledger);
    for (unsigned lane = 0;; lane = (lane + 1) % kLanes) {
      if (reserve(*ledger, 0, slot, lane, 1, kLimit)) continue;
      physical->done.fetch_add(1);
      for (;;) pause();
    }
  };
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) children.push_back(start_child(grab));
  while (physical->done.load() < 4) sched_yield();
  EXPECT_EQ(used_granules(*ledger, 0), kLimit);
  std::uint64_t left = kLimit;
  for (unsigned slot = 0; slot < 2; ++slot) {
    const auto pid = static_cast<pid_t>(slot_owner(*ledger, slot).pid);
    kill(pid, SIGKILL);
    wait_child(pid);
    std::erase(children, pid);
    left -= slot_granules(*ledger, 0, slot);
  }
  const unsigned mine = claim(*ledger);
  EXPECT_FALSE(reserve(*ledger, 0, mine, 0, 1, kLimit)) << "the dead are not yet reaped";
  EXPECT_EQ(reap_dead(*ledger, -1), 2u);
  EXPECT_EQ(used_granules(*ledger, 0), left);
  EXPECT_TRUE(reserve(*ledger, 0, mine, 0, kLimit - left, kLimit));
  EXPECT_FALSE(reserve(*ledger, 0, mine, 0, 1, kLimit));
  EXPECT_EQ(audit(*ledger), Breach::kNone);
  for (const pid_t child : children) {
    kill(child, SIGKILL);
    wait_child(child);
  }
}

}  // namespace
}  // namespace melon::abi

// SPDX-License-Identifier: Apache-2.0
// Processes are killed at every point of every operation, alone, while another process interferes
// at every earlier point, and under real contention; survivors must count exactly.

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <cstring>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "shim/abi/fault_point.h"
#include "shim/abi/publish.h"
#include "shim/abi/test_ledger.h"

namespace melon::abi {
namespace {

constexpr std::uint64_t kLimit = 100;
constexpr std::uint64_t kOurs = 30;  // what the survivor holds before anything happens
constexpr int kNever = 0;            // points are counted from 1

/// What happens at which fault point of this process, counted from 1. Plain globals: every child
/// sets its own after the fork.
struct Script {
  int die_at = kNever;
  int interfere_at = kNever;
  void (*interfere)(LedgerFile&) = nullptr;
  LedgerFile* ledger = nullptr;
};
Script script;
int points_passed = 0;
bool interfering = false;

/// In a child, before the work that it may not survive.
void begin(const Script& wanted) {
  script = wanted;
  points_passed = 0;
}

/// The points at which somebody died, for all processes of this test.
struct Deaths {
  static constexpr unsigned kMax = 64;
  std::atomic<const char*> names[kMax];  // literals: at the same address in every child

  void add(const char* name) {
    for (auto& slot : names) {
      const char* empty = nullptr;
      if (slot.compare_exchange_strong(empty, name) || std::strcmp(empty, name) == 0) return;
    }
  }
  std::set<std::string> all() const {
    std::set<std::string> out;
    for (const auto& slot : names)
      if (slot.load() != nullptr) out.insert(slot.load());
    return out;
  }
};

const Shared<Deaths> deaths;  // mapped before the first fork

/// The survivor's slot is 0; while it waits for its child, the child may act in its place.
void reserve_one(LedgerFile& ledger) { reserve(ledger, 0, 0, 3, 1, kLimit); }
void fill(LedgerFile& ledger) {
  reserve(ledger, 0, 0, 3, kLimit - used_granules(ledger, 0), kLimit);
}
void give_back(LedgerFile& ledger) { release(ledger, 0, 0, 0, 5); }

using Action = void (*)(LedgerFile&);
constexpr Action kInterferences[] = {nullptr, reserve_one, fill, give_back};

void run_memory(LedgerFile& ledger) {
  const unsigned slot = claim(ledger);
  const bool granted = reserve(ledger, 0, slot, 0, 40, kLimit);
  reserve(ledger, 0, slot, 1, 30, kLimit);
  reserve(ledger, 1, slot, 2, 9, kLimit);
  if (granted) release(ledger, 0, slot, 2, 40);
  release_slot(ledger, slot, self_identity(), -1);
}

void run_reap(LedgerFile& ledger) { reap_dead(ledger, -1); }

/// Leaves a dead process with amounts on several lanes, one below zero, for reapers to find.
void leave_a_corpse(LedgerFile& ledger) {
  const pid_t child = start_child([&] {
    const unsigned slot = claim(ledger);
    if (!reserve(ledger, 0, slot, 0, 20, kLimit) || !reserve(ledger, 0, slot, 1, 20, kLimit))
      _exit(1);
    release(ledger, 0, slot, 2, 15);
    reserve(ledger, 1, slot, 3, 7, kLimit);
    die();
  });
  wait_child(child);
}

/// Leaves one that died inside an operation: at this point, counted from the operation's start.
template <int die_at>
void leave_a_corpse_inside(LedgerFile& ledger) {
  const pid_t child = start_child([&] {
    const unsigned slot = claim(ledger);
    begin({.die_at = die_at});
    reserve(ledger, 0, slot, 1, 20, kLimit);
  });
  EXPECT_TRUE(WIFSIGNALED(wait_child(child)));
}

void nothing(LedgerFile&) {}

struct Scene {
  Action before;  // in the survivor
  Action act;     // in the child that dies
};
constexpr Scene kScenes[] = {{nothing, run_memory},
                             {leave_a_corpse, run_reap},
                             {leave_a_corpse_inside<2>, run_reap},   // said what it is about to do
                             {leave_a_corpse_inside<6>, run_reap}};  // committed it

/// The survivor's own sum: what the ledger must say once the dead are reaped.
void expect_exact(LedgerFile& ledger, unsigned mine) {
  for (int i = 0; i < 3; ++i) reap_dead(ledger, -1);
  for (unsigned device = 0; device < 2; ++device)
    ASSERT_EQ(used_granules(ledger, device), slot_granules(ledger, device, mine));
  ASSERT_EQ(audit(ledger), Breach::kNone);
  for (unsigned slot = 0; slot < slots_in_use(ledger); ++slot)
    ASSERT_EQ(ledger.slots[slot].owner != 0, slot == mine) << "slot " << slot;
}

/// One round. True when the child died by the script; false when its work ended before.
bool run_round(const Scene& scene, const Script& wanted) {
  const SharedLedger ledger;
  const unsigned mine = claim(*ledger);
  EXPECT_TRUE(reserve(*ledger, 0, mine, 0, kOurs, kLimit));
  scene.before(*ledger);
  const pid_t child = start_child([&] {
    begin({wanted.die_at, wanted.interfere_at, wanted.interfere, &*ledger});
    scene.act(*ledger);
  });
  const int status = wait_child(child);
  EXPECT_TRUE(WIFSIGNALED(status) || exited_well(status));
  EXPECT_LE(used_granules(*ledger, 0), kLimit);
  EXPECT_GE(used_granules(*ledger, 0), slot_granules(*ledger, 0, mine)) << "under-count";
  expect_exact(*ledger, mine);
  EXPECT_TRUE(reserve(*ledger, 0, mine, 1, kLimit - used_granules(*ledger, 0), kLimit))
      << "survivors get the memory back";
  return WIFSIGNALED(status);
}

TEST(Crash, AtEveryPointWithEveryInterferenceAtEveryEarlierPoint) {
  int rounds = 0;
  for (const Scene& scene : kScenes) {
    for (int die_at = 1;; ++die_at) {
      bool died = false;
      for (const Action interference : kInterferences) {
        const int last = interference == nullptr ? 1 : die_at;
        for (int at = 1; at <= last; ++at, ++rounds) {
          died |= run_round(scene, {die_at, at, interference, nullptr});
          ASSERT_FALSE(HasFailure()) << "death at " << die_at << ", interference at " << at;
        }
      }
      if (!died) break;
    }
  }
  EXPECT_GE(rounds, 1000);
  const std::set<std::string> points = deaths->all();
  for (const char* point :
       {"intent.after", "commit.before", "commit.after", "applied.after", "cancel.before",
        "cancel.after", "help.before",   "help.after",   "settle.before", "settle.after",
        "merge.before", "merge.during",  "merge.after",  "claim.before",  "claim.after",
        "leave.before", "leave.after",   "free.before",  "free.after",    "reap.before",
        "reap.after"})
    EXPECT_TRUE(points.contains(point)) << "nobody died at " << point;
}

/// Real contention: a peer works on the device all the while.
TEST(Crash, AThousandTimesAtARandomPointWhileAPeerWorks) {
  const SharedLedger ledger;
  const Shared<std::atomic<int>> stop;
  const unsigned mine = claim(*ledger);
  ASSERT_TRUE(reserve(*ledger, 0, mine, 0, kOurs, kLimit));
  const Shared<std::atomic<int>> started;
  const pid_t peer = start_child([&] {
    const unsigned slot = claim(*ledger);
    for (unsigned i = 0; *stop == 0; ++i) {
      *started = 1;
      const unsigned lane = i % kLanes;
      if (reserve(*ledger, 0, slot, lane, 1 + i % 3, kLimit))
        release(*ledger, 0, slot, lane, 1 + i % 3);
    }
  });
  while (*started == 0) sched_yield();
  int killed = 0;
  for (int round = 0; round < 1000; ++round) {
    const pid_t child = start_child([&] {
      begin({1 + (round * 7) % 61, kNever, nullptr, &*ledger});
      for (int i = 0; i < 10; ++i) {
        run_memory(*ledger);
        run_reap(*ledger);
      }
    });
    killed += WIFSIGNALED(wait_child(child)) ? 1 : 0;
  }
  *stop = 1;
  EXPECT_TRUE(exited_well(wait_child(peer)));
  EXPECT_EQ(killed, 1000);
  expect_exact(*ledger, mine);
  EXPECT_EQ(used_granules(*ledger, 0), kOurs);
}

/// Reapers that die one after another: each goes on where the last stopped.
TEST(Crash, AChainOfDyingReapers) {
  for (int first = 1; first < 40; ++first) {
    const SharedLedger ledger;
    const unsigned mine = claim(*ledger);
    ASSERT_TRUE(reserve(*ledger, 0, mine, 0, kOurs, kLimit));
    leave_a_corpse(*ledger);
    for (int i = 0; i < 6; ++i) {
      wait_child(start_child([&] {
        begin({1 + (first + i * 5) % 40, kNever, nullptr, &*ledger});
        reap_dead(*ledger, -1);
      }));
    }
    expect_exact(*ledger, mine);
    ASSERT_FALSE(HasFailure()) << "chain " << first;
  }
}

TEST(Crash, AWriterOfPoliciesDiesAtEachPoint) {
  const Shared<PolicyFile> file;
  Policy policy = {};
  policy.device_count = 1;
  publish(*file, policy);
  for (int die_at = 1; die_at <= 2; ++die_at) {
    const std::uint32_t before = policy.devices[0].weight;
    wait_child(start_child([&] {
      begin({die_at, kNever, nullptr, nullptr});
      Policy next = policy;
      next.devices[0].weight = before + 1;
      publish(*file, next);
    }));
    ASSERT_TRUE(read_published(*file, policy));
    EXPECT_EQ(policy.devices[0].weight, die_at == 1 ? before : before + 1);
  }
  policy.devices[0].weight = 9;
  publish(*file, policy);
  ASSERT_TRUE(read_published(*file, policy));
  EXPECT_EQ(policy.devices[0].weight, 9u);
}

}  // namespace

void fault_point(const char* name) {
  if (interfering) return;
  ++points_passed;
  if (points_passed == script.interfere_at && script.interfere != nullptr) {
    interfering = true;
    script.interfere(*script.ledger);
    interfering = false;
  }
  if (points_passed != script.die_at) return;
  deaths->add(name);
  die();
}

}  // namespace melon::abi

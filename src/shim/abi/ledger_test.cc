// SPDX-License-Identifier: Apache-2.0
// Memory operations within one process: limits, lanes, sequences, and any order of them.

#include "shim/abi/ledger.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <memory>
#include <vector>

#include "shim/abi/test_ledger.h"
#include "shim/abi/words.h"

namespace melon::abi {
namespace {

constexpr std::uint64_t kLimit = 1000;

TEST(Words, KeepWhatIsPackedIntoThem) {
  for (const std::int64_t granules : {0L, 1L, -1L, (1L << 40) - 1, -(1L << 40)}) {
    const LaneWord lane = lane_word(pack(LaneWord{granules, kSequenceMask}));
    EXPECT_EQ(lane.granules, granules);
    EXPECT_EQ(lane.sequence, kSequenceMask);
  }
  const DeviceWord device = device_word(pack(DeviceWord{kMaxGranules, kTagMask, 5}));
  EXPECT_EQ(device.granules, kMaxGranules);
  EXPECT_EQ(device.tag, kTagMask);
  EXPECT_EQ(device.sequence, 5u);
  const std::uint64_t owner =
      owner_word(SlotState::kReaping, {.pid = 4194303, .start_ticks = kStartMask - 1});
  EXPECT_EQ(slot_state(owner), SlotState::kReaping);
  EXPECT_EQ(owner_pid(owner), 4194303u);
  EXPECT_EQ(owner_start_ticks(owner), kStartMask - 1);
}

TEST(Ledger, RefusesExactlyAboveTheLimit) {
  const SharedLedger ledger;
  const unsigned slot = claim(*ledger);
  EXPECT_FALSE(reserve(*ledger, 0, slot, 0, kLimit + 1, kLimit));
  EXPECT_TRUE(reserve(*ledger, 0, slot, 0, kLimit, kLimit));
  EXPECT_FALSE(reserve(*ledger, 0, slot, 1, 1, kLimit));
  EXPECT_TRUE(reserve(*ledger, 0, slot, 1, 0, kLimit));
  EXPECT_TRUE(reserve(*ledger, 1, slot, 0, 1, kLimit)) << "devices are counted apart";
  release(*ledger, 0, slot, 0, 1);
  EXPECT_TRUE(reserve(*ledger, 0, slot, 1, 1, kLimit));
  EXPECT_EQ(used_granules(*ledger, 0), kLimit);
  EXPECT_EQ(audit(*ledger), Breach::kNone);
}

TEST(Ledger, RefusesWhatCannotBeCounted) {
  const SharedLedger ledger;
  const unsigned slot = claim(*ledger);
  const std::uint64_t all = ~std::uint64_t{0};
  EXPECT_FALSE(reserve(*ledger, 0, slot, 0, all, all));
  EXPECT_FALSE(reserve(*ledger, 0, slot, 0, kMaxGranules + 1, all));
  EXPECT_TRUE(reserve(*ledger, 0, slot, 0, kMaxGranules, all));
  EXPECT_FALSE(reserve(*ledger, 0, slot, 0, 1, all));
  EXPECT_FALSE(reserve(*ledger, kMaxDevices, slot, 0, 1, all));
  EXPECT_FALSE(reserve(*ledger, 0, kMaxProcesses, 0, 1, all));
  EXPECT_FALSE(reserve(*ledger, 0, slot, kLanes, 1, all));
  release(*ledger, kMaxDevices, slot, 0, 1);
  EXPECT_EQ(used_granules(*ledger, kMaxDevices), 0u);
}

TEST(Ledger, AnyLaneFreesWhatAnotherReserved) {
  const SharedLedger ledger;
  const unsigned slot = claim(*ledger);
  ASSERT_TRUE(reserve(*ledger, 0, slot, 0, 100, kLimit));
  release(*ledger, 0, slot, 1, 90);
  EXPECT_EQ(lane_word(ledger->slots[slot].lanes[0][1].applied).granules, -90);
  EXPECT_EQ(used_granules(*ledger, 0), 10u);
  EXPECT_EQ(slot_granules(*ledger, 0, slot), 10u);
  EXPECT_EQ(audit(*ledger), Breach::kNone);
  release_slot(*ledger, slot, self_identity(), -1);
  EXPECT_EQ(used_granules(*ledger, 0), 0u);
  EXPECT_EQ(audit(*ledger), Breach::kNone);
}

TEST(Ledger, LanesThatDriftUntilTheyWrapStillSumExactly) {
  const SharedLedger ledger;
  const unsigned slot = claim(*ledger);
  for (int i = 0; i < 5000; ++i) {  // 2^42 granules on two lanes of 2^41
    ASSERT_TRUE(reserve(*ledger, 0, slot, 0, kMaxGranules - 7, kMaxGranules));
    release(*ledger, 0, slot, 1, kMaxGranules - 7);
  }
  ASSERT_TRUE(reserve(*ledger, 0, slot, 2, 5, kMaxGranules));
  EXPECT_EQ(slot_granules(*ledger, 0, slot), 5u);
  EXPECT_EQ(audit(*ledger), Breach::kNone);
  release_slot(*ledger, slot, self_identity(), -1);
  EXPECT_EQ(used_granules(*ledger, 0), 0u);
  EXPECT_EQ(audit(*ledger), Breach::kNone);
}

TEST(Ledger, ARefusalUsesUpNoSequence) {
  const SharedLedger ledger;
  const unsigned slot = claim(*ledger);
  ASSERT_TRUE(reserve(*ledger, 0, slot, 0, 3, 3));
  const Lane& lane = ledger->slots[slot].lanes[0][0];
  const std::uint64_t before = lane.applied;
  EXPECT_FALSE(reserve(*ledger, 0, slot, 0, 1, 3));
  EXPECT_EQ(lane.applied, before);
  EXPECT_EQ(lane_word(lane.intent).sequence, lane_word(before).sequence);
}

TEST(Ledger, SequencesComeRoundWithoutAnOldRecordBeingTakenForNew) {
  const SharedLedger ledger;
  const unsigned slot = claim(*ledger);
  Lane& lane = ledger->slots[slot].lanes[0][0];
  const std::uint64_t start = kSequenceMask - 2;
  lane.applied = pack(LaneWord{0, start});
  lane.intent = pack(LaneWord{0, start});
  lane.helped = pack(LaneWord{9, 0});  // from the last time round
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(reserve(*ledger, 0, slot, 0, 1, kLimit));
  EXPECT_EQ(lane_word(lane.applied).sequence, (start + 6) & kSequenceMask);
  EXPECT_EQ(lane_word(lane.helped).sequence, kSequenceMask) << "renewed at the turn";
  EXPECT_EQ(lane_word(lane.helped).granules, 10) << "and a stalled helper's exchange fails";
  EXPECT_EQ(audit(*ledger), Breach::kNone);
}

TEST(Settle, BelievesTheDeviceWordTheRecordOrNeither) {
  const SharedLedger ledger;
  const unsigned slot = claim(*ledger);
  ASSERT_TRUE(reserve(*ledger, 0, slot, 1, 10, kLimit));
  Lane& lane = ledger->slots[slot].lanes[0][1];
  const auto pend = [&] { lane.intent = pack(LaneWord{4, 2}); };

  pend();
  settle_lane(*ledger, 0, slot, 1);
  EXPECT_EQ(slot_granules(*ledger, 0, slot), 10u) << "never committed";
  EXPECT_EQ(lane_word(lane.intent).sequence, 1u);

  pend();
  ledger->devices[0].used = pack(DeviceWord{14, slot * kLanes + 1, 2});
  settle_lane(*ledger, 0, slot, 1);
  EXPECT_EQ(slot_granules(*ledger, 0, slot), 14u) << "committed, tag still there";

  lane.intent = pack(LaneWord{4, 3});
  lane.helped = pack(LaneWord{1, 3});
  ledger->devices[0].used = pack(DeviceWord{18, slot * kLanes + 3, 1});
  settle_lane(*ledger, 0, slot, 1);
  EXPECT_EQ(slot_granules(*ledger, 0, slot), 18u) << "committed, tag overwritten";
  settle_lane(*ledger, 0, slot, 1);
  EXPECT_EQ(slot_granules(*ledger, 0, slot), 18u) << "once";
}

TEST(Ledger, KnowsItsOwnFiles) {
  const SharedLedger ledger;
  EXPECT_TRUE(is_usable(*ledger, sizeof(LedgerFile)));
  EXPECT_FALSE(is_usable(*ledger, sizeof(LedgerFile) - 1));
  ledger->version = kVersion + 1;
  EXPECT_FALSE(is_usable(*ledger, sizeof(LedgerFile)));
  EXPECT_EQ(audit(*ledger), Breach::kHeader);
}

TEST(Audit, NamesTheBrokenRule) {
  const SharedLedger ledger;
  const unsigned slot = claim(*ledger);
  ASSERT_TRUE(reserve(*ledger, 2, slot, 0, 10, kLimit));
  ASSERT_EQ(audit(*ledger), Breach::kNone);

  auto& used = ledger->devices[2].used;
  const std::uint64_t honest = used;
  used = pack(DeviceWord{3, device_word(honest).tag, device_word(honest).sequence});
  EXPECT_EQ(audit(*ledger), Breach::kTotal);
  used = honest;

  auto& applied = ledger->slots[slot].lanes[2][1].applied;
  applied = pack(LaneWord{-11, 0});
  EXPECT_EQ(audit(*ledger), Breach::kAmount);
  applied = 0;

  auto& owner = ledger->slots[slot].owner;
  const std::uint64_t me = owner;
  ledger->slots[slot + 1].owner = me;
  ledger->slots[slot + 1].image = ledger->slots[slot].image.load();
  ledger->slot_bound = slot + 2;
  EXPECT_EQ(audit(*ledger), Breach::kTwoSlots);
  ledger->slots[slot + 1].owner = 0;

  owner = 0;
  EXPECT_EQ(audit(*ledger), Breach::kAmount) << "a free slot holds memory";
  owner = ~std::uint64_t{0};
  EXPECT_EQ(audit(*ledger), Breach::kAmount);
  ledger->slot_bound = kMaxProcesses + 1;
  EXPECT_EQ(audit(*ledger), Breach::kHeader);
}

struct Model {
  std::vector<std::uint64_t> held;  // live objects
  std::uint64_t total = 0;
};

/// One step of a random program; lanes are chosen at random for reserve and free alike.
void step(LedgerFile& ledger, unsigned slot, Model& model) {
  const unsigned lane = *rc::gen::inRange(0u, kLanes);
  if (model.held.empty() || *rc::gen::arbitrary<bool>()) {
    const std::uint64_t size = *rc::gen::inRange<std::uint64_t>(0, kLimit / 3);
    const bool granted = reserve(ledger, 0, slot, lane, size, kLimit);
    RC_ASSERT(granted == (model.total + size <= kLimit));
    if (!granted) return;
    model.held.push_back(size);
    model.total += size;
    return;
  }
  const std::uint64_t size = model.held.back();
  model.held.pop_back();
  model.total -= size;
  release(ledger, 0, slot, lane, size);
}

RC_GTEST_PROP(Ledger, CountsLikeASumOfLiveObjects, ()) {
  const SharedLedger ledger;
  const std::array<unsigned, 2> slots = {claim(*ledger), claim(*ledger)};
  std::array<Model, 2> models;
  const int steps = *rc::gen::inRange(1, 60);
  for (int i = 0; i < steps; ++i) {
    // The limit is shared, so each process's model sees the other's total through a common one.
    const unsigned who = *rc::gen::inRange(0u, 2u);
    Model joined{models[who].held, models[0].total + models[1].total};
    const std::uint64_t before = joined.total;
    step(*ledger, slots[who], joined);
    models[who].held = joined.held;
    models[who].total += joined.total - before;
    RC_ASSERT(used_granules(*ledger, 0) == joined.total);
    RC_ASSERT(slot_granules(*ledger, 0, slots[who]) == models[who].total);
  }
  // Two slots of one process are what the last rule forbids; all others hold.
  RC_ASSERT(audit(*ledger) == Breach::kTwoSlots);
}

}  // namespace
}  // namespace melon::abi

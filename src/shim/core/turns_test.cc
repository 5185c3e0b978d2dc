// SPDX-License-Identifier: Apache-2.0
// The words by which processes of one grant take turns, whatever becomes of a process.

#include "shim/core/turns.h"

#include <gtest/gtest.h>
#include <cstring>

#include "shim/abi/test_ledger.h"

namespace melon::shim {
namespace {

using Nanoseconds = Turns::Nanoseconds;
constexpr Nanoseconds kMillisecond = 1'000'000;
constexpr Nanoseconds kNow = 1'000'000 * kMillisecond;
constexpr Nanoseconds kKernel = 2 * kMillisecond;

class TurnsTest : public testing::Test {
 protected:
  /// As another process would be: with a slot of its own.
  Turns open() {
    Turns turns{};
    turns.open(*ledger_, 0, static_cast<int>(abi::claim(*ledger_)));
    return turns;
  }

  abi::SharedLedger ledger_;
};

TEST_F(TurnsTest, OfTwoWhoLookedAtOnceOneTakes) {
  Turns first = open(), second = open();
  EXPECT_EQ(first.look(kNow).in_flight, 0u);
  EXPECT_EQ(second.look(kNow).in_flight, 0u);
  EXPECT_TRUE(first.take(kKernel, kNow + 100 * kMillisecond));
  EXPECT_FALSE(second.take(kKernel, kNow + 100 * kMillisecond));
  EXPECT_EQ(first.look(kNow).in_flight, 0u) << "what was not taken is not told";
  EXPECT_NEAR(static_cast<double>(second.look(kNow).in_flight), kKernel, 2000);
  EXPECT_TRUE(second.take(kKernel, kNow + 100 * kMillisecond)) << "and it may ask again";
}

TEST_F(TurnsTest, WhoWaitedLongerGoesFirst) {
  Turns first = open(), second = open();
  second.wait(kNow);
  EXPECT_TRUE(first.look(kNow + 1).waits_longer);
  first.wait(kNow + 1);
  second.wait(kNow + 2);  // again: its place stays
  EXPECT_TRUE(first.look(kNow + 3).waits_longer);
  EXPECT_FALSE(second.look(kNow + 3).waits_longer);
  second.stop_waiting();
  EXPECT_FALSE(first.look(kNow + 4).waits_longer);
}

TEST_F(TurnsTest, WhatIsToldLapses) {
  Turns first = open(), second = open();
  first.tell(kKernel, kNow + 100 * kMillisecond);
  first.wait(kNow);
  EXPECT_GT(second.look(kNow + 30 * kMillisecond).in_flight, 0u);
  EXPECT_TRUE(second.look(kNow + 30 * kMillisecond).waits_longer);
  EXPECT_FALSE(second.look(kNow + 101 * kMillisecond).any);
}

TEST_F(TurnsTest, AReapedProcessTellsNothing) {
  Turns mine = open();
  const pid_t child = abi::start_child([&] {
    Turns turns = open();
    turns.tell(kKernel, kNow + 50'000 * kMillisecond);
    turns.wait(kNow);
    abi::die();
  });
  abi::wait_child(child);
  EXPECT_GT(mine.look(kNow + 1).in_flight, 0u);
  EXPECT_EQ(abi::reap_dead(*ledger_, -1), 1u);
  EXPECT_FALSE(mine.look(kNow + 1).any);
}

TEST_F(TurnsTest, ANewProcessDoesNotSpeakForTheLastOneOfItsSlot) {
  Turns mine = open();
  const int slot = static_cast<int>(abi::claim(*ledger_));
  Turns past{}, next{};
  past.open(*ledger_, 0, slot);
  past.tell(kKernel, kNow + 50'000 * kMillisecond);
  past.wait(kNow);
  next.open(*ledger_, 0, slot);
  EXPECT_FALSE(mine.look(kNow + 1).any);
}

TEST_F(TurnsTest, TheGuardIsOneForAll) {
  Turns first = open(), second = open();
  EXPECT_FALSE(first.pass_by_guard(kKernel, kKernel, kNow)) << "the first window begins";
  EXPECT_FALSE(second.pass_by_guard(kKernel, kKernel, kNow + 99 * kMillisecond));
  EXPECT_TRUE(second.pass_by_guard(kKernel, kKernel, kNow + 101 * kMillisecond));
  EXPECT_FALSE(first.pass_by_guard(kKernel, kKernel, kNow + 102 * kMillisecond));
  EXPECT_FALSE(second.pass_by_guard(kKernel, kKernel, kNow + 202 * kMillisecond)) << "2 ms paid";
  EXPECT_TRUE(first.pass_by_guard(kKernel, kKernel, kNow + 300 * kMillisecond));
  second.rest_guard();
  EXPECT_FALSE(first.pass_by_guard(kKernel, kKernel, kNow + 900 * kMillisecond));
}

TEST_F(TurnsTest, ShortLaunchesShareAWindow) {
  Turns turns = open();
  const Nanoseconds launch = 100'000, taken = 250'000;
  turns.pass_by_guard(launch, taken, kNow);
  unsigned passed = 0;
  while (passed < 100 && turns.pass_by_guard(launch, taken, kNow + 101 * kMillisecond)) ++passed;
  EXPECT_EQ(passed, 5u) << "1.3 ms of 0.25 ms each";
}

TEST_F(TurnsTest, GarbageHoldsNobodyUp) {
  Turns mine = open();
  open();
  for (const int byte : {0xff, 0x5a, 0x80}) {
    const std::uint64_t next = kNow + 200 * kMillisecond;
    std::memset(static_cast<void*>(&ledger_->slots[1].lanes[0][0].turn), byte, sizeof(abi::Turn));
    std::memset(static_cast<void*>(&ledger_->devices[0].guard), byte, sizeof(std::uint64_t));
    EXPECT_FALSE(mine.look(kNow).any) << byte;
    mine.pass_by_guard(kKernel, kKernel, kNow);
    EXPECT_TRUE(mine.pass_by_guard(kKernel, kKernel, next)) << byte;
  }
}

TEST_F(TurnsTest, AProcessWithoutSlotSeesTheOthers) {
  Turns mine = open(), without{};
  without.open(*ledger_, 0, abi::kNoSlot);
  mine.tell(kKernel, kNow + 100 * kMillisecond);
  EXPECT_GT(without.look(kNow).in_flight, 0u);
  EXPECT_TRUE(without.take(kKernel, kNow + 100 * kMillisecond));
  without.wait(kNow);
  without.stop_waiting();
  EXPECT_FALSE(mine.look(kNow).any);
}

}  // namespace
}  // namespace melon::shim

// SPDX-License-Identifier: Apache-2.0
// Gangs: all or nothing, how many fit, what blocks the next.
#include "placement/gang.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "placement/testing.h"

namespace melon::placement {
namespace {

NodeSpec node(const std::string& name, int cards, std::int32_t memory = 100) {
  return testing::node_of_cards(name, cards, 4, memory,
                                {.cpu_milli = 64'000, .memory_mib = 1000, .pods = 50});
}

PodRequest asking(std::int32_t memory, int count = 1) {
  return testing::asking(memory, count, 1000);
}

const Policy& binpack() { return *find_policy("binpack"); }

TEST(Gang, GoesAllTogether) {
  Engine engine;
  for (const char* const name : {"a", "b"}) ASSERT_TRUE(engine.index().apply(node(name, 4), 1));
  const Gang gang{.parts = {{.shape = engine.shape(asking(100, 2)), .count = 4}}};
  const GangAnswer answer = place_gang(engine, gang, binpack());
  EXPECT_TRUE(answer.fits());
  EXPECT_EQ(answer.members.size(), 4U);
  EXPECT_FALSE(answer.blocked);
  EXPECT_EQ(engine.index().grant_count(), 0U) << "asking books nothing";
  std::vector<GrantEntry> grants(4);
  for (std::size_t i = 0; i < 4; ++i) grants[i].id = "g" + std::to_string(i);
  EXPECT_TRUE(commit_gang(engine, gang, answer, grants));
  EXPECT_EQ(engine.index().grant_count(), 4U);
  EXPECT_TRUE(engine.index().audit().empty());
}

TEST(Gang, OrNotAtAllAndSaysWhatBlocks) {
  Engine engine;
  ASSERT_TRUE(engine.index().apply(node("a", 5), 1));
  const Gang gang{.parts = {{.shape = engine.shape(asking(100, 2)), .count = 3}}};
  const GangAnswer answer = place_gang(engine, gang, binpack());
  EXPECT_FALSE(answer.fits());
  EXPECT_EQ(answer.members.size(), 2U);
  EXPECT_EQ(answer.blocked, 0U);
  ASSERT_EQ(answer.reasons.size(), 1U);
  EXPECT_EQ(answer.reasons[0].obstacle.rule, Rule::kTooFew);
  EXPECT_EQ(answer.reasons[0].obstacle.found, 1) << "beside those that fit";
  EXPECT_FALSE(commit_gang(engine, gang, answer, std::vector<GrantEntry>(2)));
  EXPECT_EQ(engine.index().grant_count(), 0U);
}

TEST(Gang, StartsWithTheLeastThatItNeeds) {
  Engine engine;
  ASSERT_TRUE(engine.index().apply(node("a", 5), 1));
  Gang gang{.parts = {{.shape = engine.shape(asking(100, 2)), .count = 3}}, .least = 2};
  EXPECT_TRUE(place_gang(engine, gang, binpack()).fits());
  gang.least = 3;
  EXPECT_FALSE(place_gang(engine, gang, binpack()).fits());
}

TEST(Gang, AnIdInUseBooksNone) {
  Engine engine;
  ASSERT_TRUE(engine.index().apply(node("a", 4), 1));
  const Gang gang{.parts = {{.shape = engine.shape(asking(10)), .count = 2}}};
  const GangAnswer answer = place_gang(engine, gang, binpack());
  std::vector<GrantEntry> grants(2);
  grants[0].id = grants[1].id = "same";
  EXPECT_FALSE(commit_gang(engine, gang, answer, grants));
  EXPECT_EQ(engine.index().grant_count(), 0U);
}

TEST(Gang, LargeMembersComeFirstAndCardsAreChosenSoThatMoreFit) {
  Engine engine;
  ASSERT_TRUE(engine.index().apply(node("a", 2), 1));
  const Gang mixed{.parts = {{.shape = engine.shape(asking(50)), .count = 2},
                             {.shape = engine.shape(asking(50, 2)), .count = 1}}};
  EXPECT_TRUE(place_gang(engine, mixed, binpack()).fits());
  // Where two cards are half taken and one is free, each pair must take a part of the free one.
  Engine other;
  ASSERT_TRUE(other.index().apply(node("b", 3), 1));
  for (const char* const card : {"b/0", "b/1"}) {
    GrantSpec half{.id = card, .node = "b", .slices = {{.uuid = card}}};
    half.slices[0].amounts[kMemory] = 50;
    ASSERT_TRUE(other.index().apply(half, 1));
  }
  const Gang pairs{.parts = {{.shape = other.shape(asking(50, 2)), .count = 2}}};
  EXPECT_TRUE(place_gang(other, pairs, binpack()).fits());
}

TEST(Gang, TheOrderInWhichMembersAreNamedDoesNotMatter) {
  std::vector<std::int32_t> memory = {20, 20, 40, 40, 60};
  do {
    Engine engine;
    ASSERT_TRUE(engine.index().apply(node("a", 3, 60), 1));
    Gang gang;
    for (const std::int32_t one : memory)
      gang.parts.push_back({.shape = engine.shape(asking(one)), .count = 1});
    EXPECT_TRUE(place_gang(engine, gang, binpack()).fits()) << ::testing::PrintToString(memory);
  } while (std::ranges::next_permutation(memory).found);
}

RC_GTEST_PROP(Gang, AsManyMembersOfOneDeviceFitAsThereIsRoomFor, ()) {
  Engine engine;
  const int nodes = *rc::gen::inRange(1, 4);
  const std::int32_t memory = *rc::gen::inRange(1, 8);
  const auto cpu = *rc::gen::inRange<std::int64_t>(1, 12);
  std::size_t room = 0;
  for (int i = 0; i < nodes; ++i) {
    NodeSpec spec = node("n" + std::to_string(i), *rc::gen::inRange(0, 4));
    spec.capacity.cpu_milli = cpu * 1000;
    std::size_t here = 0;
    for (DeviceSpec& device : spec.devices) {
      device.capacity[kMemory] = *rc::gen::inRange(0, 20);
      here += static_cast<std::size_t>(std::min(4, device.capacity[kMemory] / memory));
    }
    room += std::min(here, static_cast<std::size_t>(cpu));
    RC_ASSERT(engine.index().apply(spec, 1).has_value());
  }
  const auto count = static_cast<std::size_t>(*rc::gen::inRange(1, 30));
  const Gang gang{.parts = {{.shape = engine.shape(asking(memory)), .count = count}}};
  const GangAnswer answer = place_gang(engine, gang, binpack());
  RC_ASSERT(answer.members.size() == std::min(count, room));
  RC_ASSERT(answer.fits() == (count <= room));
  RC_ASSERT(answer.blocked.has_value() == !answer.fits());
  RC_ASSERT(engine.index().grant_count() == 0U);
  RC_ASSERT(engine.index().audit().empty());
}

}  // namespace
}  // namespace melon::placement

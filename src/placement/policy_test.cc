// SPDX-License-Identifier: Apache-2.0
// Policies as people write them, and what chains of them choose.
#include "placement/policy.h"

#include <gtest/gtest.h>

#include "placement/engine.h"

namespace melon::placement {
namespace {

TEST(PolicyText, WeightsRowsOfT45) {
  const CardWeights weights{.slot = 1, .core = 2, .memory = 3};
  EXPECT_EQ(parse_weights("slot=1,core=2,memory=3").value(), weights);
  EXPECT_EQ(parse_weights(" memory = 3, slot = 1, core = 0 ").value(),
            (CardWeights{.slot = 1, .core = 0, .memory = 3}));
  for (const char* const bad :
       {"", "slot=1,core=1", "slot=1,core,memory=1", "slot=1,core=x,memory=1",
        "slot=-1,core=1,memory=1", "slot=1,core=1,memory=1,size=1", "slot=1,slot=1,core=1,memory=1",
        "slot=0,core=0,memory=0", "slot=256,core=1,memory=1"})
    EXPECT_EQ(parse_weights(bad).error().code, Code::kInvalidArgument) << bad;
}

TEST(PolicyText, NodeAndCards) {
  for (const Policy& policy : policies()) {
    const auto same = parse_policy(policy.name);
    ASSERT_TRUE(same) << policy.name;
    EXPECT_EQ(same->policy.key(), policy.key());
  }
  const auto pair = parse_policy("binpack/spread").value();
  EXPECT_EQ(pair.name, "binpack/spread");
  EXPECT_EQ(pair.policy.cards, CardOrder::kEmptiest);
  EXPECT_EQ(pair.policy.merit, find_policy("binpack")->merit);
  EXPECT_NE(pair.policy.key(), find_policy("binpack")->key());
  EXPECT_EQ(parse_policy("binpack/binpack").value().policy.key(), find_policy("binpack")->key());
  const auto chain = parse_policy("spread/mutex,numa,topology,binpack").value().policy;
  EXPECT_TRUE(chain.unused_only && chain.numa_first && chain.links_first);
  EXPECT_EQ(chain.cards, CardOrder::kTightest);
  EXPECT_EQ(parse_policy("binpack/spread:slot=1,core=0,memory=2").value().policy.weights.memory, 2);
  for (const char* const bad :
       {"", "luck", "binpack/", "binpack/luck", "binpack/closest", "binpack/spread,numa",
        "fgd:slot=1,core=1,memory=1", "binpack:slot=1", "/spread"})
    EXPECT_EQ(parse_policy(bad).error().code, Code::kInvalidArgument) << bad;
}

/// A node of four cards: 0 and 1 on NUMA node 0, 2 and 3 on 1; card 0 is in use.
class ChainsOfCards : public testing::Test {
 protected:
  ChainsOfCards() {
    NodeSpec node{.name = "n", .capacity = {.pods = 99}};
    for (int i = 0; i < 4; ++i)
      node.devices.push_back({.uuid = std::to_string(i),
                              .vendor = "acme",
                              .type = "A",
                              .index = i,
                              .capacity = {{4, 100, 100}},
                              .numa = i / 2});
    node.links = {{"0", "3", 90}, {"1", "2", 80}, {"0", "1", 10}};
    EXPECT_TRUE(engine_.index().apply(node, 1));
    EXPECT_TRUE(engine_.index().apply(
        {.id = "g", .node = "n", .slices = {{.uuid = "0", .amounts = {{1, 50, 10}}}}}, 1));
  }

  std::vector<int> cards(std::string_view policy, int count, std::int32_t memory = 10) {
    PodRequest request;
    request.containers.push_back(
        {.devices = {{.vendor = "acme", .count = count, .each = {{1, memory}}}}});
    const NamedPolicy named = parse_policy(policy).value();
    const auto decision = engine_.place(*engine_.shape(request), named.policy);
    std::vector<int> cards;
    if (!decision) return cards;
    for (const CardSlice& slice : decision->layout.booked) cards.push_back(slice.card);
    return cards;
  }

  Engine engine_;
};

TEST_F(ChainsOfCards, EachWordDecidesBeforeThoseBehindIt) {
  using Cards = std::vector<int>;
  EXPECT_EQ(cards("binpack", 1), (Cards{0}));
  EXPECT_EQ(cards("binpack/spread", 1), (Cards{1}));
  EXPECT_EQ(cards("binpack/mutex,binpack", 1), (Cards{1})) << "T46: an unused card";
  EXPECT_EQ(cards("mutex", 4), (Cards{})) << "T46: nobody joins card 0";
  EXPECT_EQ(cards("topology", 2), (Cards{0, 3}));
  EXPECT_EQ(cards("binpack/mutex,topology", 2), (Cards{1, 2}));
  EXPECT_EQ(cards("topology", 1), (Cards{2}))
      << "the least linked, so that the others stay together";
  EXPECT_EQ(cards("numa", 2), (Cards{0, 1}));
  EXPECT_EQ(cards("numa", 2, 60), (Cards{2, 3})) << "card 0 has no room";
  EXPECT_EQ(cards("binpack/numa,spread", 3).size(), 3U) << "a preference, no condition";
}

TEST_F(ChainsOfCards, ClosestLeavesTheLeastMemoryThenTheLeastCompute) {
  using Cards = std::vector<int>;
  EXPECT_EQ(cards("closest", 1), (Cards{0}));
  EXPECT_EQ(cards("closest", 1, 60), (Cards{1})) << "card 0 has no room";
  ASSERT_TRUE(engine_.index().apply(
      {.id = "h", .node = "n", .slices = {{.uuid = "2", .amounts = {{1, 50, 20}}}}}, 1));
  EXPECT_EQ(cards("closest", 1), (Cards{2})) << "as much memory, less compute";
  ASSERT_TRUE(engine_.index().apply(
      {.id = "i", .node = "n", .slices = {{.uuid = "3", .amounts = {{1, 60, 0}}}}}, 1));
  EXPECT_EQ(cards("closest", 1), (Cards{3})) << "memory before compute";
  EXPECT_EQ(cards("closest", 2), (Cards{2, 3}));
}

TEST_F(ChainsOfCards, WeightsSayWhatIsFull) {
  ASSERT_TRUE(engine_.index().apply(
      {.id = "h", .node = "n", .slices = {{.uuid = "2", .amounts = {{1, 10, 70}}}}}, 1));
  EXPECT_EQ(cards("binpack:slot=0,core=0,memory=1", 1), (std::vector<int>{0}));
  EXPECT_EQ(cards("binpack:slot=0,core=1,memory=0", 1), (std::vector<int>{2}));
  EXPECT_EQ(cards("spread:slot=1,core=0,memory=0", 1), (std::vector<int>{1}));
}

}  // namespace
}  // namespace melon::placement

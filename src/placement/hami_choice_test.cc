// SPDX-License-Identifier: Apache-2.0
// HAMi's scores, order of cards and checks: cases T39 to T69 of its contract, by their ids.
#include "placement/hami_choice.h"

#include <gtest/gtest.h>

namespace melon::placement {
namespace {

Amounts of(std::int32_t slots, std::int32_t cores, std::int32_t memory) {
  return {{slots, memory, cores}};
}

TEST(HamiScores, T39ToT43) {
  constexpr CardWeights kOne{.slot = 1, .core = 1, .memory = 1};
  EXPECT_DOUBLE_EQ(hami_card_score({of(2, 1, 2048), of(10, 4, 8192)}, {}, kOne), 7.0) << "T39";
  EXPECT_DOUBLE_EQ(hami_card_score({{}, of(10, 10, 10000)}, of(1, 2, 5000), kOne), 8.0) << "T41";
  EXPECT_DOUBLE_EQ(hami_card_score({{}, of(10, 10, 10000)}, of(2, 3, 3000), kOne), 8.0) << "T41";
  for (const Amounts& total : {of(0, 10, 10), of(10, 0, 10), of(10, 10, 0)})
    EXPECT_DOUBLE_EQ(hami_card_score({of(1, 1, 1), total}, {}, kOne), 0) << "T42";
  EXPECT_DOUBLE_EQ(hami_node_score({}), 0) << "T42";
  const CardUsage cards[] = {{of(50, 100, 100), of(100, 100, 100)},
                             {of(75, 200, 200), of(150, 200, 200)}};
  EXPECT_DOUBLE_EQ(hami_node_score(cards), 25) << "T43";
  EXPECT_DOUBLE_EQ(
      hami_card_score({of(1, 2, 30), of(10, 10, 100)}, {}, {.slot = 1, .core = 2, .memory = 3}),
      10 * (0.1 + 2 * 0.2 + 3 * 0.3))
      << "T45";
}

/// A card of a fixture: what it has, and what others have of it.
struct Card {
  std::string uuid = {};
  Amounts total = of(10, 100, 8000);
  Amounts used = {};
  std::string type = "NVIDIA T4";
  bool healthy = true;
  bool cordoned = false;
  std::optional<int> numa = {};
};

class HamiChoice : public testing::Test {
 protected:
  void add(const std::string& name, const std::vector<Card>& cards) {
    NodeSpec node{.name = name, .capacity = {.pods = 99}};
    GrantSpec grant{.id = "on " + name, .node = name};
    for (const Card& card : cards) {
      node.devices.push_back({.uuid = card.uuid,
                              .vendor = card.type == "other" ? "Other" : "NVIDIA",
                              .type = card.type,
                              .index = static_cast<int>(node.devices.size()),
                              .capacity = card.total,
                              .healthy = card.healthy,
                              .cordoned = card.cordoned,
                              .numa = card.numa});
      if (card.used != Amounts{}) grant.slices.push_back({card.uuid, card.used});
    }
    ASSERT_TRUE(engine_.index().apply(node, 1));
    ASSERT_TRUE(engine_.index().apply(grant, 1));
  }

  static DeviceDemand asks(int count, std::int32_t memory, std::int32_t cores) {
    return {.vendor = "NVIDIA", .count = count, .each = of(1, cores, memory)};
  }

  /// "node: card card", or why not: the text of the first failure.
  std::string place(const DeviceDemand& demand, const HamiOptions& options = {}) {
    PodRequest request;
    request.containers.push_back({.devices = {demand}});
    return place(request, options);
  }
  std::string place(const PodRequest& request, const HamiOptions& options) {
    const HamiAnswer answer = HamiChooser(engine_.index()).choose(engine_.shape(request), options);
    if (!answer.decision) return answer.failures.empty() ? "" : answer.failures[0].text;
    const detail::NodeTable& nodes = engine_.index().nodes();
    std::string text = nodes.entries[answer.decision->node].name + ":";
    for (const detail::ContainerSlice& slice : answer.decision->layout.slices)
      text += " " + nodes.cards_of(nodes.rows[answer.decision->node])[slice.card].uuid;
    return text;
  }

  Engine engine_;
};

TEST_F(HamiChoice, T47ToT50NodesAndCards) {
  add("node1", {{"device1", of(10, 100, 8000), of(1, 25, 2000)}, {"device2"}});
  add("node2", {{"device3"}, {"device4", of(10, 100, 8000), of(1, 75, 6000)}});
  const DeviceDemand ask = asks(1, 1000, 20);
  for (const bool is_210 : {false, true}) {
    EXPECT_EQ(place(ask, {.is_210 = is_210, .spreads_cards = false}), "node2: device4") << "T47";
    EXPECT_EQ(place(ask, {.is_210 = is_210}), "node2: device3") << "T48";
    EXPECT_EQ(place(ask, {.is_210 = is_210, .spreads_nodes = true, .spreads_cards = false}),
              "node1: device1")
        << "T49";
    EXPECT_EQ(place(ask, {.is_210 = is_210, .spreads_nodes = true}), "node1: device2") << "T50";
  }
  EXPECT_EQ(place(ask, {.is_210 = true, .spreads_cards = false, .unused_only = true}),
            "node2: device3")
      << "T46: mutex takes an idle card";
}

TEST_F(HamiChoice, T51ToT54Quota) {
  add("node", {{"d1", of(10, 100, 2000)},
               {"d2", of(10, 100, 8000)},
               {"d3", of(10, 100, 4000)},
               {"d4", of(10, 100, 6000)}});
  const auto left = [](std::int64_t memory, std::int64_t compute) {
    return HamiOptions{.quota = {{"NVIDIA", {.memory_mib = memory, .compute = compute}}}};
  };
  EXPECT_EQ(place(asks(2, 2000, 100), left(4000, 200)), "node: d4 d3") << "T51";
  EXPECT_EQ(place(asks(2, 2000, 100), left(4000, 199)),
            "1/4 AllocatedCardsInsufficientRequest, 3/4 ResourceQuotaNotFit")
      << "the second card is too much";
  DeviceDemand whole = asks(1, 0, 100);
  whole.memory_permille = 1000;
  EXPECT_EQ(place(whole, left(2000, 100)), "node: d1") << "T53";
  EXPECT_EQ(place(whole, left(1500, 100)), "4/4 ResourceQuotaNotFit") << "T54";
}

TEST_F(HamiChoice, T55AndT56NodesWithoutCards) {
  add("bare", {});
  EXPECT_EQ(place(PodRequest{.containers = {{}}}, {}), "bare:") << "T55";
  EXPECT_EQ(place(asks(1, 1, 1)), "node unregistered") << "T56";
  add("gpu", {{"d"}});
  EXPECT_EQ(place(asks(1, 1, 1)), "gpu: d") << "T56: others are looked at";
}

struct FitRow {
  const char* id;
  std::vector<Card> cards;
  int count;
  std::int32_t memory;
  std::int32_t cores;
  const char* in_29;
  const char* in_210;
};

std::ostream& operator<<(std::ostream& out, const FitRow& row) { return out << row.id; }

class HamiFit : public HamiChoice, public testing::WithParamInterface<FitRow> {};

TEST_P(HamiFit, OfTheContract) {
  const FitRow& row = GetParam();
  add("n", row.cards);
  EXPECT_EQ(place(asks(row.count, row.memory, row.cores), {}), row.in_29) << row.id;
  EXPECT_EQ(place(asks(row.count, row.memory, row.cores), {.is_210 = true}), row.in_210) << row.id;
}

INSTANTIATE_TEST_SUITE_P(
    Contract, HamiFit,
    testing::Values(
        FitRow{"T59",
               {{"a", of(10, 100, 128)}},
               1,
               512,
               0,
               "1/1 CardInsufficientMemory",
               "1/1 CardInsufficientMemory"},
        FitRow{"T60",
               {{"a", of(10, 100, 8000), of(1, 80, 10)}},
               1,
               10,
               30,
               "1/1 CardInsufficientCore",
               "1/1 CardInsufficientCore"},
        FitRow{"T61", {{"a"}}, 1, 10, 100, "n: a", "n: a"},
        FitRow{"T62",
               {{"a", of(100, 100, 8000), of(20, 0, 10)}},
               1,
               10,
               100,
               "1/1 ExclusiveDeviceAllocateConflict",
               "1/1 ExclusiveDeviceAllocateConflict"},
        FitRow{"T62 with cores in use",
               {{"a", of(100, 100, 8000), of(20, 1, 10)}},
               1,
               10,
               100,
               "1/1 CardInsufficientCore",
               "1/1 CardInsufficientCore"},
        FitRow{"T63",
               {{"a", of(10, 100, 8000), of(1, 100, 10)}},
               1,
               10,
               0,
               "1/1 CardComputeUnitsExhausted",
               "1/1 CardComputeUnitsExhausted"},
        FitRow{"T64",
               {{"a", of(10, 100, 8000), of(10, 10, 10)}},
               1,
               10,
               0,
               "1/1 CardTimeSlicingExhausted",
               "1/1 CardTimeSlicingExhausted"},
        FitRow{"T65",
               {{.uuid = "a", .healthy = false}},
               1,
               10,
               0,
               "1/1 CardNotHealth",
               "1/1 CardNotHealth"},
        FitRow{"T67",
               {{"a"}, {.uuid = "o", .type = "other"}},
               2,
               10,
               0,
               "1/1 AllocatedCardsInsufficientRequest",
               "NodeInsufficientDevice"},
        FitRow{"T67 of two",
               {{"a"}, {"b"}, {"c", of(10, 100, 5)}},
               3,
               10,
               0,
               "1/3 AllocatedCardsInsufficientRequest, 1/3 CardInsufficientMemory",
               "1/3 CardInsufficientMemory, 2/3 AllocatedCardsInsufficientRequest"},
        FitRow{"T68", {{"a"}, {"b"}}, 3, 10, 0, "NodeInsufficientDevice", "NodeInsufficientDevice"},
        FitRow{"T69", {{"dev-0"}, {"dev-1"}}, 1, 10, 0, "n: dev-1", "n: dev-1"},
        FitRow{"T70",
               {{.uuid = "a", .cordoned = true}, {.uuid = "b", .cordoned = true}},
               1,
               10,
               0,
               "n: b",
               "2/2 CardCordoned"}));

TEST_F(HamiChoice, NumaDecidesBeforeScoresIn29) {
  add("n", {{.uuid = "a", .used = of(1, 10, 100), .numa = 0},
            {.uuid = "b", .numa = 0},
            {.uuid = "c", .used = of(2, 20, 200), .numa = 1}});
  EXPECT_EQ(place(asks(1, 10, 0), {.spreads_cards = false}), "n: a") << "lowest NUMA node, fullest";
  EXPECT_EQ(place(asks(1, 10, 0), {}), "n: c") << "highest NUMA node, whatever is idle elsewhere";
  EXPECT_EQ(place(asks(1, 10, 0), {.is_210 = true}), "n: b");
  EXPECT_EQ(place(asks(1, 10, 0), {.is_210 = true, .spreads_cards = false}), "n: c");
  DeviceDemand bound = asks(2, 10, 0);
  bound.one_numa = true;
  EXPECT_EQ(place(bound, {.is_210 = true}), "n: b a") << "N6";
}

TEST_F(HamiChoice, T79WhatIsTakenIsAddedUp) {
  add("n", {{"a", of(10, 100, 8000), of(0, 15, 2000)}});
  const auto used = [this] {
    const detail::NodeTable& nodes = engine_.index().nodes();
    return of(10, 100, 8000) - nodes.room_of(nodes.rows[0])[0];
  };
  EXPECT_EQ(used(), of(0, 15, 2000)) << "T79";
  PodRequest request;
  request.containers.push_back({.devices = {asks(1, 1024, 50)}});
  const auto shape = engine_.shape(request);
  const HamiAnswer answer = HamiChooser(engine_.index()).choose(shape, {});
  ASSERT_TRUE(answer.decision);
  engine_.commit({.id = "p"}, *shape, *answer.decision);
  EXPECT_EQ(used(), of(1, 65, 3024)) << "T79";
}

TEST_F(HamiChoice, InitialContainersAddUpIn29AndPeakIn210) {
  add("n", {{"a", of(10, 100, 8000)}});
  PodRequest request;
  request.containers = {{.role = Role::kInit, .devices = {asks(1, 5000, 0)}},
                        {.devices = {asks(1, 4000, 0)}}};
  EXPECT_EQ(place(request, {}), "1/1 CardInsufficientMemory");
  EXPECT_EQ(place(request, {.is_210 = true}), "n: a a") << "T106";
}

}  // namespace
}  // namespace melon::placement

// SPDX-License-Identifier: Apache-2.0
// Laws of one demand over the free parts of several cards, against all ways to cut it.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "placement/engine.h"
#include "placement/explain.h"

namespace melon::placement {
namespace {

constexpr int kAll = 20;  // memory and compute of a card

int any(int least, int below) { return *rc::gen::inRange(least, below); }

/// The fewest pieces of at least `least` that make `wanted`, by trying every set of cards: pieces
/// of a set can make whatever lies between the sums of their smallest and of their largest.
std::optional<int> fewest_pieces(const std::vector<int>& most, int least, int wanted) {
  std::optional<int> fewest;
  for (unsigned set = 1; set < 1U << most.size(); ++set) {
    int pieces = 0;
    int largest = 0;
    bool all_give = true;
    for (std::size_t card = 0; card < most.size(); ++card) {
      if ((set >> card & 1U) == 0) continue;
      ++pieces;
      largest += most[card];
      all_give = all_give && most[card] >= least;
    }
    if (all_give && pieces * least <= wanted && wanted <= largest)
      fewest = std::min(fewest.value_or(pieces), pieces);
  }
  return fewest;
}

struct Cluster {
  Engine engine;
  std::vector<Amounts> room;
  std::vector<int> numa;

  Cluster() {
    NodeSpec node{.name = "n", .capacity = {.pods = 99}};
    GrantSpec grant{.id = "g", .node = "n"};
    const int cards = any(2, 6);
    for (int card = 0; card < cards; ++card) {
      node.devices.push_back({.uuid = std::to_string(card),
                              .vendor = "acme",
                              .type = "A",
                              .index = card,
                              .capacity = {{2, kAll, kAll}},
                              .numa = any(0, 2)});
      numa.push_back(*node.devices.back().numa);
      const Amounts taken = {
          {any(0, 6) == 0 ? 2 : 0, any(kAll / 2, kAll + 1), any(kAll / 2, kAll)}};
      grant.slices.push_back({.uuid = std::to_string(card), .amounts = taken});
      room.push_back(node.devices.back().capacity - taken);
    }
    RC_ASSERT(engine.index().apply(node, 1).has_value());
    RC_ASSERT(engine.index().apply(grant, 1).has_value());
  }

  /// The largest piece for which each card has room; none of cards that the demand does not name,
  /// and where it binds, none of another NUMA node than this.
  std::vector<int> most(const DeviceDemand& demand, int of_numa) const {
    std::vector<int> pieces;
    for (std::size_t card = 0; card < room.size(); ++card) {
      const Amounts& one = room[card];
      int piece = one[kSlots] > 0 ? std::min(one[kMemory], demand.each[kMemory]) : 0;
      if (demand.each[kCompute] > 0) piece = std::min(piece, one[kCompute]);
      if (demand.needs_compute_left && one[kCompute] == 0) piece = 0;
      if (!accepts_uuid(demand, std::to_string(card))) piece = 0;
      if (demand.one_numa && numa[card] != of_numa) piece = 0;
      pieces.push_back(piece);
    }
    return pieces;
  }

  /// How many devices each take all of a slice, those of one NUMA node where the demand binds.
  bool takes_whole(const DeviceDemand& demand) const {
    for (const int of_numa : {0, 1}) {
      DeviceDemand bound = demand;
      bound.one_numa = demand.one_numa && demand.count > 1;
      const auto all = most(bound, of_numa);
      const auto enough = [&](int piece) { return piece >= demand.each[kMemory]; };
      if (std::ranges::count_if(all, enough) >= demand.count) return true;
    }
    return false;
  }
};

/// What is asked for, perhaps more than a card has, of some of the cards.
DeviceDemand any_demand(const Cluster& cluster) {
  const int wanted = any(kAll / 4, 2 * kAll);
  DeviceDemand demand{.count = any(0, 4) == 0 ? 2 : 1, .each = {{1, wanted}}};
  // The same share of memory and compute, so that a piece is as much of both.
  if (any(0, 2) == 0) demand.each[kCompute] = wanted;
  demand.needs_compute_left = demand.each[kCompute] == 0 && any(0, 2) == 0;
  demand.one_numa = any(0, 3) == 0;
  for (std::size_t card = 0; card < cluster.room.size(); ++card) {
    if (any(0, 6) == 0) demand.not_uuids.push_back(std::to_string(card));
    if (any(0, 12) == 0) demand.uuids.push_back(std::to_string(card));
  }
  return demand;
}

std::optional<int> fewest_of(const Cluster& cluster, const DeviceDemand& demand,
                             const SplitRule& rule) {
  const int least = std::max(1, kAll * rule.least_permille / 1000);
  if (cluster.takes_whole(demand)) return demand.count;
  if (demand.count > rule.most_pieces) return std::nullopt;
  std::optional<int> fewest;
  for (const int of_numa : {0, 1}) {
    const auto found =
        fewest_pieces(cluster.most(demand, of_numa), least, demand.each[kMemory] * demand.count);
    if (found && *found <= rule.most_pieces) fewest = std::min(fewest.value_or(*found), *found);
  }
  return fewest;
}

RC_GTEST_PROP(SplitLaws, AsFewPiecesAsThereCanBeOrNone, ()) {
  Cluster cluster;
  const DeviceDemand demand = any_demand(cluster);
  PodRequest request{.split = SplitRule{.most_pieces = any(1, 6),
                                        .least_permille = *rc::gen::element(1, 100, 200, 300)}};
  request.containers.push_back({.devices = {demand}});
  const auto fewest = fewest_of(cluster, demand, *request.split);
  const auto all = policies();
  const Policy& drawn = all[static_cast<std::size_t>(any(0, static_cast<int>(all.size())))];
  // A policy that takes unused cards alone leaves free what would fit: all of these are in use.
  const Policy& policy = drawn.unused_only ? *find_policy("numa") : drawn;
  const auto shape = cluster.engine.shape(request);
  const auto decision = cluster.engine.place_or_split(*shape, policy);
  RC_CLASSIFY(fewest.value_or(0) > demand.count, "split");
  RC_ASSERT(decision.has_value() == fewest.has_value());
  RC_ASSERT(fewest || explain_split(cluster.engine.index(), *shape));
  if (!decision) return;
  RC_ASSERT(static_cast<int>(decision->layout.booked.size()) == *fewest);
  const int least = std::max(1, kAll * request.split->least_permille / 1000);
  int sum = 0;
  for (const CardSlice& slice : decision->layout.booked) {
    RC_ASSERT(slice.amounts.fits_in(cluster.room[slice.card]));
    RC_ASSERT(*fewest == demand.count || slice.amounts[kMemory] >= least);
    RC_ASSERT(accepts_uuid(demand, std::to_string(slice.card)));
    sum += slice.amounts[kMemory];
  }
  RC_ASSERT(sum == demand.each[kMemory] * demand.count);
}

struct OneNode {
  Engine engine;

  explicit OneNode(const std::vector<DeviceSpec>& devices, Oversubscription factors = {}) {
    const NodeSpec node{
        .name = "n", .capacity = {.pods = 99}, .oversubscription = factors, .devices = devices};
    EXPECT_TRUE(engine.index().apply(node, 1));
  }
  void hold(const std::string& uuid, const Amounts& amounts) {
    EXPECT_TRUE(engine.index().apply(
        GrantSpec{.id = "g" + uuid, .node = "n", .slices = {{uuid, amounts}}}, 1));
  }
  std::vector<std::int32_t> memory_of(const DeviceDemand& demand, const SplitRule& rule) {
    PodRequest request{.split = rule};
    request.containers.push_back({.devices = {demand}});
    const auto found = engine.place_or_split(*engine.shape(request), *find_policy("binpack"));
    std::vector<std::int32_t> memory;
    if (!found) return memory;
    for (const CardSlice& slice : found->layout.booked) memory.push_back(slice.amounts[kMemory]);
    return memory;
  }
  std::string why(const DeviceDemand& demand, const SplitRule& rule) {
    PodRequest request{.split = rule};
    request.containers.push_back({.devices = {demand}});
    const auto group = explain_split(engine.index(), *engine.shape(request));
    return group ? to_text(group->obstacle) : "";
  }
};

DeviceSpec device(const std::string& uuid, const std::string& type, std::int32_t memory) {
  return {.uuid = uuid, .vendor = "acme", .type = type, .capacity = {{4, memory, 100}}};
}

TEST(Split, KindsAreNotMixedAndTheBestOneIsTaken) {
  OneNode node({device("a", "A", 10), device("b", "B", 10), device("c", "B", 10)});
  EXPECT_EQ(node.memory_of({.each = {{1, 16}}}, {.most_pieces = 4}),
            (std::vector<std::int32_t>{10, 6}));
  EXPECT_EQ(node.memory_of({.each = {{1, 16}}, .types = {"A"}}, {.most_pieces = 4}),
            (std::vector<std::int32_t>{}));
}

TEST(Split, NoPieceIsLargerThanItsDeviceWhereMoreIsBooked) {
  OneNode node({device("a", "A", 10), device("b", "A", 10)}, {.memory_permille = 2000});
  EXPECT_EQ(node.memory_of({.each = {{1, 15}}}, {.most_pieces = 4}),
            (std::vector<std::int32_t>{10, 5}));
}

TEST(Split, AllComputeMeansTheDeviceAloneForPiecesToo) {
  OneNode node({device("a", "A", 100), device("b", "A", 100)});
  node.hold("a", {{1, 10}});
  DeviceDemand demand{.count = 1, .each = {{1, 20, 100}}, .alone_with_all = true};
  demand.uuids = {"a"};
  EXPECT_EQ(node.memory_of(demand, {.most_pieces = 4}), (std::vector<std::int32_t>{}));
  demand.each[kMemory] = 200;
  demand.uuids = {};
  EXPECT_EQ(node.memory_of(demand, {.most_pieces = 4}), (std::vector<std::int32_t>{}));
  demand.each[kMemory] = 180;
  EXPECT_EQ(node.memory_of(demand, {.most_pieces = 4}), (std::vector<std::int32_t>{80, 100}));
}

TEST(Split, WhatIsNeverSplitIsSaid) {
  OneNode node({device("a", "A", 10), device("b", "A", 10)});
  const SplitRule rule{.most_pieces = 2};
  EXPECT_EQ(node.why({.count = 3, .each = {{1, 1}}}, rule),
            "not split: more devices are asked for than pieces are allowed");
  EXPECT_EQ(node.why({.each = {{1, 12}}, .whole = true}, rule),
            "not split: devices alone are asked for");
  EXPECT_EQ(node.why({.each = {{1, 12}}, .rules = {vendors::DeviceRule::kUniformSlice}}, rule),
            "not split: all slices of such a device have one size");
  DeviceDemand wings{.count = 1, .each = {{1, 12}}};
  wings.picker.kind = vendors::PickerKind::kWings;
  EXPECT_EQ(node.why(wings, rule), "not split: devices are asked for that work in sets only");
  EXPECT_EQ(node.why({.each = {{1, 25}}}, rule),
            "not split: 25 MiB asked, one node has at most 20 in at most 2 pieces, none below 1 "
            "thousandths of a device");
}

}  // namespace
}  // namespace melon::placement

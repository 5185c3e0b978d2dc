// SPDX-License-Identifier: Apache-2.0
// Laws of the choice of cards: what any choice that the descriptors' rules allow can place is
// placed, and what is placed keeps the rules.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "placement/engine.h"
#include "placement/explain.h"

namespace melon::placement {
namespace {

using vendors::DeviceRule;
using vendors::PickerKind;

int any(int least, int below) { return *rc::gen::inRange(least, below); }

constexpr int kSlotsOfCard = 4;
constexpr int kMemoryOfCard = 12;

NodeSpec any_node(int cards) {
  NodeSpec node{.name = "n", .capacity = {.pods = 99}};
  node.labels["kind"] = *rc::gen::element<std::string>("ring-8", "row-8");
  for (int i = 0; i < cards; ++i) {
    DeviceSpec device{.uuid = "d" + std::to_string((i * 5) % 8),  // not in the order of index
                      .vendor = "acme",
                      .type = "A",
                      .index = i,
                      .capacity = {{kSlotsOfCard, kMemoryOfCard, 0, 99, 99, 99, 99, 0}},
                      .link_group = i / 3};
    node.devices.push_back(device);
  }
  return node;
}

vendors::Picker any_picker() {
  vendors::Picker picker{.kind = *rc::gen::element(PickerKind::kNone, PickerKind::kBiggestGroup,
                                                   PickerKind::kFullPairs, PickerKind::kZoneBestFit,
                                                   PickerKind::kAlignedRun, PickerKind::kWings),
                         .counts = {1, 2, 4},
                         .wing_size = 4,
                         .quads = {{0, 1, 4, 5}, {2, 3, 6, 7}},
                         .ring_label = "kind",
                         .ring_value = "ring"};
  return picker;
}

DeviceDemand any_demand(const vendors::Picker& picker) {
  DeviceDemand demand{.vendor = "acme", .count = *rc::gen::element(1, 2, 2, 3, 4)};
  demand.picker = picker;
  demand.each = {{1, any(1, kMemoryOfCard + 1)}};
  if (any(0, 4) == 0) demand.unused = true;
  return demand;
}

/// Whether the cards of one demand, in ascending order, are a set that its picker allows.
bool is_set(const DeviceDemand& demand, const NodeSpec& node, const std::vector<int>& cards) {
  const std::set<int> set(cards.begin(), cards.end());
  const auto count = static_cast<int>(cards.size());
  const auto all_in = [&](int from, int below) {
    return std::ranges::all_of(cards, [&](int card) { return card >= from && card < below; });
  };
  switch (demand.picker.kind) {
    case PickerKind::kFullPairs:
      return std::ranges::all_of(cards, [&](int card) { return set.contains(card ^ 1); });
    case PickerKind::kAlignedRun: {
      if (count == 1) return true;
      const bool is_row = cards.back() - cards.front() == count - 1;
      if (node.labels.at("kind") == "row-8")
        return is_row && count != 3 && cards.front() % count == 0;
      const int total = static_cast<int>(node.devices.size());
      for (int start = 0; start < total; ++start) {
        bool is_run = true;
        for (int i = 0; i < count; ++i) is_run = is_run && set.contains((start + i) % total);
        if (is_run) return true;
      }
      return false;
    }
    case PickerKind::kWings:
      if (all_in(0, 4) || all_in(4, 8)) return true;
      if (count == 2) return cards[1] == cards[0] + 4;
      return cards == std::vector<int>{0, 1, 4, 5} || cards == std::vector<int>{2, 3, 6, 7};
    default:
      return true;
  }
}

/// Tries every choice of cards for every demand of a pod whose containers run at once.
class BruteForce {
 public:
  BruteForce(const NodeSpec& node, const std::vector<Amounts>& room, const Shape& shape)
      : node_(node), room_(room), shape_(shape) {}
  bool fits(std::size_t step = 0) {
    if (step == shape_.steps().size()) return true;
    std::vector<int> cards;
    return choose(step, 0, cards);
  }

 private:
  bool choose(std::size_t step, int from, std::vector<int>& cards) {
    const DeviceDemand& demand = shape_.steps()[step].demand;
    if (static_cast<int>(cards.size()) == demand.count)
      return is_set(demand, node_, cards) && fits(step + 1);
    for (int card = from; card < static_cast<int>(room_.size()); ++card) {
      const auto at = static_cast<std::size_t>(card);
      if (!demand.each.fits_in(room_[at])) continue;
      if (demand.unused && room_[at][kSlots] < kSlotsOfCard) continue;
      room_[at] -= demand.each;
      cards.push_back(card);
      if (choose(step, card + 1, cards)) return true;
      cards.pop_back();
      room_[at] += demand.each;
    }
    return false;
  }

  const NodeSpec& node_;
  std::vector<Amounts> room_;
  const Shape& shape_;
};

PodRequest any_request(const vendors::Picker& picker) {
  PodRequest request;
  const int containers = any(1, 3);
  for (int i = 0; i < containers; ++i)
    request.containers.push_back({.devices = {any_demand(picker)}});
  return request;
}

const Policy& any_policy() {
  const auto all = policies();
  const Policy& policy = all[static_cast<std::size_t>(any(0, static_cast<int>(all.size())))];
  return policy.unused_only ? *find_policy("topology") : policy;  // that one leaves what would fit
}

RC_GTEST_PROP(SetLaws, WhatAnyAllowedChoicePlacesIsPlaced, ()) {
  const NodeSpec node = any_node(*rc::gen::element(4, 6, 8));
  const vendors::Picker picker = any_picker();
  Engine engine;
  RC_ASSERT(engine.index().apply(node, 1).has_value());
  for (int card = 0; card < static_cast<int>(node.devices.size()); ++card) {
    if (any(0, 3) > 0) continue;
    GrantSpec grant{.id = "g" + std::to_string(card), .node = "n"};
    grant.slices = {{.uuid = node.devices[static_cast<std::size_t>(card)].uuid,
                     .amounts = {{any(1, 3), any(1, kMemoryOfCard)}}}};
    RC_ASSERT(engine.index().apply(grant, 1).has_value());
  }
  const auto shape = engine.shape(any_request(picker));
  const auto room = engine.index().nodes().room_of(engine.index().nodes().rows[0]);
  const bool fits = BruteForce(node, {room.begin(), room.end()}, *shape).fits();
  const auto decision = engine.place(*shape, any_policy());
  RC_CLASSIFY(fits, "fits");
  RC_ASSERT(decision.has_value() == fits);
  if (!decision) return;
  RC_ASSERT(!obstacle_on(engine.index(), *shape, 0).has_value());
  for (std::size_t container = 0; container < shape->containers(); ++container) {
    std::vector<int> cards;
    for (const detail::ContainerSlice& slice : decision->layout.slices)
      if (slice.container == container) cards.push_back(slice.card);
    std::ranges::sort(cards);
    RC_ASSERT(is_set(shape->steps()[container].demand, node, cards));
  }
}

/// A card of eight places: small slices anywhere but in the last place, large ones in the halves.
PartitionChoice small_slice() {
  return {.type = "A", .each = {{1, 2}}, .places = {64, 32, 16, 8, 4, 2, 1}};
}
PartitionChoice middle_slice() { return {.type = "A", .each = {{1, 4}}, .places = {3, 12, 48}}; }
PartitionChoice large_slice() { return {.type = "A", .each = {{1, 6}}, .places = {240, 15}}; }

/// Whether the slices can be cut at all, beside what is there.
bool can_cut(const std::vector<PartitionChoice>& slices, std::size_t at, std::vector<int>& free) {
  if (at == slices.size()) return true;
  for (int& card : free)
    for (const std::int32_t places : slices[at].places) {
      if ((places & ~card) != 0) continue;
      card &= ~places;
      if (can_cut(slices, at + 1, free)) return true;
      card |= places;
    }
  return false;
}

RC_GTEST_PROP(PartitionLaws, WhatCanBeCutIsCut, ()) {
  NodeSpec node{.name = "n", .capacity = {.pods = 99}};
  const int cards = any(1, 3);
  for (int i = 0; i < cards; ++i)
    node.devices.push_back({.uuid = std::to_string(i),
                            .vendor = "acme",
                            .type = "A",
                            .index = i,
                            .capacity = {{7, 99, 0, 0, 0, 0, 0, 255}}});
  Engine engine;
  RC_ASSERT(engine.index().apply(node, 1).has_value());
  std::vector<int> free(static_cast<std::size_t>(cards), 255);
  const Policy& policy = any_policy();
  const int pods = any(1, 6);
  for (int pod = 0; pod < pods; ++pod) {
    PodRequest request;
    std::vector<PartitionChoice> slices;
    const int containers = any(1, 3);
    for (int i = 0; i < containers; ++i) {
      DeviceDemand demand{.vendor = "acme", .count = any(1, 3)};
      demand.partitions = {*rc::gen::element(small_slice(), middle_slice(), large_slice())};
      slices.insert(slices.end(), static_cast<std::size_t>(demand.count), demand.partitions[0]);
      request.containers.push_back({.devices = {demand}});
    }
    const auto shape = engine.shape(request);
    const auto decision = engine.place(*shape, policy);
    std::vector<int> left = free;
    RC_ASSERT(decision.has_value() == can_cut(slices, 0, left));
    if (!decision) continue;
    for (const detail::ContainerSlice& slice : decision->layout.slices) {
      int& card = free[slice.card];
      RC_ASSERT((slice.amounts[kPlaces] & ~card) == 0);
      card &= ~slice.amounts[kPlaces];
    }
    RC_ASSERT(engine.commit({.id = std::to_string(pod)}, *shape, *decision));
    for (std::size_t i = 0; i < free.size(); ++i)
      RC_ASSERT(engine.index().nodes().room[i][kPlaces] == free[i]);
  }
  for (int pod = 0; pod < pods; ++pod) engine.index().release(std::to_string(pod));
  for (std::size_t i = 0; i < free.size(); ++i)
    RC_ASSERT(engine.index().nodes().room[i][kPlaces] == 255);
}

/// An engine with one node of two cards that are in group 0.
struct TwoCards {
  Engine engine;

  TwoCards() {
    NodeSpec node{.name = "n", .capacity = {.pods = 99}};
    for (int i = 0; i < 2; ++i)
      node.devices.push_back({.uuid = std::to_string(i),
                              .vendor = "acme",
                              .type = "A",
                              .index = i,
                              .capacity = {{4, 96, 100, 99, 99, 99, 99, 0}},
                              .link_group = 0});
    EXPECT_TRUE(engine.index().apply(node, 1));
  }

  void hold(const std::string& uuid, const Amounts& amounts) {
    EXPECT_TRUE(engine.index().apply(
        {.id = uuid, .node = "n", .slices = {{.uuid = uuid, .amounts = amounts}}}, 1));
  }

  /// The card that one slice gets; -1: none, told with the rule.
  int card_of(const DeviceDemand& demand, Rule rule = Rule::kTooFew) {
    PodRequest request;
    request.containers.push_back({.devices = {demand}});
    const auto shape = engine.shape(request);
    const auto decision = engine.place(*shape, *find_policy("binpack"));
    if (decision) return decision->layout.booked[0].card;
    const auto obstacle = obstacle_on(engine.index(), *shape, 0);
    EXPECT_TRUE(obstacle.has_value() && obstacle->rule == rule)
        << (obstacle ? word_of(obstacle->rule) : "none");
    return -1;
  }
};

TEST(DeviceRules, SlicesOfOneSize) {
  TwoCards two;
  two.hold("0", {{1, 48}});
  two.hold("1", {{1, 24}});
  DeviceDemand demand{.vendor = "acme", .each = {{1, 24}}, .rules = {DeviceRule::kUniformSlice}};
  EXPECT_EQ(two.card_of(demand), 1);
  demand.each[kMemory] = 32;
  EXPECT_EQ(two.card_of(demand, Rule::kUniformSlice), -1);
}

TEST(DeviceRules, ClassesOfServiceAndOfApplications) {
  TwoCards two;
  two.hold("0", {{1, 10, 10}});                 // best effort
  two.hold("1", {{1, 10, 10, 0, 0, 1, 0, 0}});  // fixed share
  DeviceDemand demand{.vendor = "acme",
                      .each = {{1, 10, 10}},
                      .rules = {DeviceRule::kAppClass, DeviceRule::kQosEqual},
                      .qos = vendors::Qos::kFixedShare};
  EXPECT_EQ(two.card_of(demand), 1);
  demand.qos = vendors::Qos::kBestEffort;
  EXPECT_EQ(two.card_of(demand), 0);
  demand.qos = vendors::Qos::kBurstShare;
  EXPECT_EQ(two.card_of(demand, Rule::kQos), -1);
  demand.app_class = vendors::AppClass::kOffline;
  EXPECT_EQ(two.card_of(demand, Rule::kAppClass), -1);
}

TEST(DeviceRules, AMemberInUseKeepsThoseAwayWhoWantUnusedOnes) {
  TwoCards two;
  two.hold("0", {{1, 10}});
  DeviceDemand demand{.vendor = "acme", .each = {{1, 10}}, .unused = true};
  EXPECT_EQ(two.card_of(demand), 1);
  demand.rules = {DeviceRule::kMemberMutex};
  EXPECT_EQ(two.card_of(demand, Rule::kShared), -1);
  demand.unused = false;
  EXPECT_EQ(two.card_of(demand), 0);
}

TEST(DeviceRules, ContainersOfAPodShareTheirDevices) {
  TwoCards two;
  two.hold("0", {{1, 90}});
  DeviceDemand demand{.vendor = "acme", .each = {{1, 6}}, .rules = {DeviceRule::kSameDevicePerPod}};
  PodRequest request;
  request.containers = {{.devices = {demand}}, {.devices = {demand}}};
  const auto shape = two.engine.shape(request);
  const auto decision = two.engine.place(*shape, *find_policy("binpack"));
  ASSERT_TRUE(decision.has_value());
  ASSERT_EQ(decision->layout.booked.size(), 1U);
  EXPECT_EQ(decision->layout.booked[0].card, 1) << "the fuller one has no room for both";
}

TEST(CardSets, WellLinkedCardsStayTogether) {
  NodeSpec node{.name = "n", .capacity = {.pods = 99}};
  for (int i = 0; i < 4; ++i)
    node.devices.push_back({.uuid = std::string(1, static_cast<char>('a' + i)),
                            .vendor = "acme",
                            .type = "A",
                            .index = i,
                            .capacity = {{4, 96}}});
  node.links = {{"b", "d", 240}, {"d", "b", 240}, {"a", "b", 20}, {"a", "x", 900}};
  Engine engine;
  ASSERT_TRUE(engine.index().apply(node, 1));
  PodRequest request;
  request.containers.push_back({.devices = {{.vendor = "acme",
                                             .count = 2,
                                             .each = {{1, 10}},
                                             .picker = {.kind = PickerKind::kLinkMatrix}}}});
  const auto decision = engine.place(*engine.shape(request), *find_policy("binpack"));
  ASSERT_TRUE(decision.has_value());
  ASSERT_EQ(decision->layout.booked.size(), 2U);
  EXPECT_EQ(decision->layout.booked[0].card, 1);
  EXPECT_EQ(decision->layout.booked[1].card, 3);
  EXPECT_EQ(engine.index().node_spec(0).links.size(), 3U) << "x is not there";
}

}  // namespace
}  // namespace melon::placement

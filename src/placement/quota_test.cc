// SPDX-License-Identifier: Apache-2.0
// Quotas as part of the choice: never exceeded, and what can be placed within them is placed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>

#include "placement/engine.h"
#include "placement/explain.h"

namespace melon::placement {
namespace {

using testing::ElementsAre;

constexpr std::int32_t kSlotsOfCard = 3;
constexpr int kWhole = 1000;

int any(int least, int below) { return *rc::gen::inRange(least, below); }

/// Cards of these sizes, each a type of its own.
NodeSpec node_of(const std::string& name, const std::vector<std::int32_t>& memory) {
  NodeSpec node{.name = name, .capacity = {.pods = 99}};
  for (const std::int32_t size : memory)
    node.devices.push_back({.uuid = name + "-" + std::to_string(node.devices.size()),
                            .vendor = "acme",
                            .type = "A" + std::to_string(size),
                            .capacity = {{kSlotsOfCard, size, 100}}});
  return node;
}

DeviceDemand share_of_card(int permille, int count = 1) {
  return {.vendor = "acme", .count = count, .memory_permille = permille};
}

PodRequest request_of(std::vector<DeviceDemand> demands, const QuotaBound& quota) {
  PodRequest request{.quotas = {quota}};
  for (DeviceDemand& demand : demands) request.containers.push_back({.devices = {demand}});
  return request;
}

QuotaBound memory_left(std::int64_t mib) {
  return {.vendor = "acme", .of = "namespace team", .memory_mib = mib};
}

/// Which cards a request gets: of the only node, in its order.
std::vector<int> cards_of(const NodeSpec& node, const PodRequest& request) {
  Engine engine;
  EXPECT_TRUE(engine.index().apply(node, 1));
  const auto decision = engine.place(*engine.shape(request), *find_policy("binpack"));
  std::vector<int> cards;
  if (decision)
    for (const CardSlice& slice : decision->layout.booked) cards.push_back(slice.card);
  return cards;
}

TEST(Quota, ChoosesAmongCards) {
  const NodeSpec node = node_of("n", {8000, 2000, 6000, 4000});
  struct Case {
    const char* what;
    PodRequest request;
    std::vector<int> cards;
  };
  QuotaBound other = memory_left(1);
  other.vendor = "other";
  QuotaBound compute = memory_left(99'999);
  compute.compute = 50;
  DeviceDemand with_compute = share_of_card(500);
  with_compute.compute_permille = 600;
  PodRequest init = request_of({share_of_card(kWhole), share_of_card(kWhole)}, memory_left(8000));
  init.containers[0].role = Role::kInit;
  const std::vector<Case> cases = {
      {"the card that the quota allows",
       request_of({share_of_card(kWhole)}, memory_left(2000)),
       {1}},
      {"none is", request_of({share_of_card(kWhole)}, memory_left(1999)), {}},
      {"a share", request_of({share_of_card(500)}, memory_left(1500)), {1}},
      {"cards of different sizes",
       request_of({share_of_card(kWhole, 2)}, memory_left(6000)),
       {1, 3}},
      {"one MiB less", request_of({share_of_card(kWhole, 2)}, memory_left(5999)), {}},
      {"more than an even part on one",
       request_of({share_of_card(kWhole, 3)}, memory_left(12'000)),
       {1, 2, 3}},
      {"two containers",
       request_of({share_of_card(kWhole), share_of_card(kWhole)}, memory_left(6000)),
       {1, 3}},
      {"one after the other", init, {0}},
      {"another vendor's", request_of({share_of_card(kWhole)}, other), {0}},
      {"compute", request_of({with_compute}, compute), {}},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    const std::vector<int> cards = cards_of(node, one.request);
    if (one.request.containers[0].role == Role::kInit || one.request.quotas[0].vendor == "other")
      EXPECT_EQ(cards.empty(), one.cards.empty());  // which ones is the policy's
    else
      EXPECT_EQ(cards, one.cards);
  }
}

TEST(Quota, PiecesOfASplitDemandCount) {
  NodeSpec node = node_of("n", {4000, 4000});
  Engine engine;
  ASSERT_TRUE(engine.index().apply(node, 1));
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(engine.index().apply(
        GrantSpec{.id = "g" + std::to_string(i),
                  .node = "n",
                  .slices = {{.uuid = "n-" + std::to_string(i), .amounts = {{1, 2000, 0}}}}},
        1));
  const auto split = [&](std::int64_t left) {
    PodRequest request = request_of({share_of_card(750)}, memory_left(left));
    request.split = SplitRule{.most_pieces = 2, .least_permille = 100};
    return engine.place_or_split(*engine.shape(request), *find_policy("binpack")).has_value();
  };
  EXPECT_TRUE(split(3000));
  EXPECT_FALSE(split(2999));
}

TEST(Quota, IsAReasonWithNumbers) {
  Engine engine;
  ASSERT_TRUE(engine.index().apply(node_of("big", {8000, 6000}), 1));
  ASSERT_TRUE(engine.index().apply(node_of("small", {4000}), 1));
  const auto texts = [&](const PodRequest& request) {
    std::vector<std::string> found;
    for (const ObstacleGroup& group : explain(engine.index(), *engine.shape(request)))
      found.push_back(to_text(group.obstacle));
    std::ranges::sort(found);
    return found;
  };
  EXPECT_THAT(
      texts(request_of({share_of_card(kWhole)}, memory_left(3000))),
      ElementsAre("quota of namespace team (MiB of device memory): at least 4000 asked on this "
                  "node, 3000 left",
                  "quota of namespace team (MiB of device memory): at least 6000 asked on this "
                  "node, 3000 left"));
  EXPECT_THAT(
      texts(request_of({share_of_card(kWhole, 2)}, memory_left(13'000))),
      ElementsAre("2 acme devices asked, the node has 1",
                  "quota of namespace team (MiB of device memory): at least 14000 asked on this "
                  "node, 13000 left"));
  const auto shape = engine.shape(request_of({share_of_card(kWhole, 2)}, memory_left(13'000)));
  const auto near = nearest(engine.index(), *shape);
  ASSERT_EQ(near.size(), 1U);
  EXPECT_EQ(to_text(near[0]), "with 1 device instead of 2 it would fit on big");
}

DeviceDemand any_demand() {
  DeviceDemand demand{.vendor = "acme", .count = *rc::gen::element(1, 1, 2, 3)};
  demand.each = {{1, any(0, 9), any(0, 60)}};
  if (any(0, 3) > 0) demand.memory_permille = *rc::gen::element(250, 500, 1000);
  if (any(0, 3) == 0) demand.compute_permille = *rc::gen::element(300, 1000);
  demand.whole = any(0, 6) == 0;
  return demand;
}

PodRequest any_request(int containers) {
  QuotaBound quota{.vendor = "acme", .of = "namespace team"};
  if (any(0, 5) > 0) quota.memory_mib = any(0, 25);
  if (any(0, 2) > 0) quota.compute = any(0, 250);
  PodRequest request{.quotas = {quota}};
  for (int i = 0; i < containers; ++i) {
    const Role role = *rc::gen::element(Role::kApp, Role::kApp, Role::kInit, Role::kSidecar);
    request.containers.push_back({.role = role, .devices = {any_demand()}});
  }
  return request;
}

using Cards = std::vector<std::size_t>;

/// What a demand takes of a card, worked out once more.
Amounts share_on(const DeviceDemand& demand, const Amounts& capacity) {
  Amounts share = demand.each;
  if (demand.whole) share[kSlots] = capacity[kSlots];
  if (demand.memory_permille)
    share[kMemory] = std::max(1, capacity[kMemory] * *demand.memory_permille / kWhole);
  if (demand.compute_permille)
    share[kCompute] = std::max(1, capacity[kCompute] * *demand.compute_permille / kWhole);
  return share;
}

/// Whether the steps that run at once keep within the cards, and together within the quota.
bool holds_at_once(const NodeSpec& node, const Shape& shape, const std::vector<Cards>& chosen,
                   const std::vector<std::size_t>& running) {
  std::vector<Amounts> of_card(node.devices.size());
  std::int64_t memory = 0;
  std::int64_t compute = 0;
  for (const std::size_t step : running)
    for (const std::size_t card : chosen[step]) {
      const Amounts share = share_on(shape.steps()[step].demand, node.devices[card].capacity);
      of_card[card] += share;
      memory += share[kMemory];
      compute += share[kCompute];
    }
  const QuotaBound& quota = shape.request().quotas[0];
  for (std::size_t card = 0; card < of_card.size(); ++card)
    if (!of_card[card].fits_in(node.devices[card].capacity)) return false;
  return memory <= quota.memory_mib.value_or(memory) && compute <= quota.compute.value_or(compute);
}

/// The same at every time of the pod's life: one list of cards for each step.
bool holds(const NodeSpec& node, const Shape& shape, const std::vector<Cards>& chosen) {
  std::vector<std::size_t> sidecars;
  std::vector<std::size_t> staying;
  for (std::size_t step = 0; step < chosen.size(); ++step) {
    const Role role = shape.steps()[step].role;
    std::vector<std::size_t> with_init = sidecars;
    with_init.push_back(step);
    if (role == Role::kInit && !holds_at_once(node, shape, chosen, with_init)) return false;
    if (role == Role::kSidecar) sidecars.push_back(step);
    if (role != Role::kInit) staying.push_back(step);
  }
  return holds_at_once(node, shape, chosen, staying);
}

/// Tries every set of cards for every step.
bool brute_force(const NodeSpec& node, const Shape& shape, std::vector<Cards>& chosen) {
  const std::size_t step = chosen.size();
  if (step == shape.steps().size()) return holds(node, shape, chosen);
  const auto count = static_cast<std::size_t>(shape.steps()[step].demand.count);
  for (unsigned set = 0; set < 1U << node.devices.size(); ++set) {
    Cards cards;
    for (std::size_t card = 0; card < node.devices.size(); ++card)
      if ((set >> card & 1U) != 0) cards.push_back(card);
    if (cards.size() != count) continue;
    chosen.push_back(cards);
    if (brute_force(node, shape, chosen)) return true;
    chosen.pop_back();
  }
  return false;
}

const Policy& any_policy() {
  const auto all = policies();
  const Policy& policy = all[static_cast<std::size_t>(any(0, static_cast<int>(all.size())))];
  return policy.unused_only ? *find_policy("topology") : policy;  // that one leaves what would fit
}

/// Of pods with so many containers, each of one demand: placed where brute force places them, and
/// never over the quota.
void check_requests(int containers) {
  std::vector<NodeSpec> nodes;
  Engine engine;
  for (int i = any(1, 3); i > 0; --i) {
    std::vector<std::int32_t> memory(static_cast<std::size_t>(any(1, 5)));
    for (std::int32_t& size : memory) size = any(1, 13);
    nodes.push_back(node_of("n" + std::to_string(i), memory));
    RC_ASSERT(engine.index().apply(nodes.back(), 1).has_value());
  }
  const auto shape = engine.shape(any_request(containers));
  const bool fits = std::ranges::any_of(nodes, [&](const NodeSpec& node) {
    std::vector<Cards> chosen;
    return brute_force(node, *shape, chosen);
  });
  RC_CLASSIFY(fits, "fits");
  const auto decision = engine.place(*shape, any_policy());
  RC_ASSERT(decision.has_value() == fits);
  if (!decision) return;
  std::vector<Cards> chosen(shape->steps().size());
  for (std::size_t step = 0; step < chosen.size(); ++step)
    for (const detail::ContainerSlice& slice : decision->layout.slices)
      if (slice.container == shape->steps()[step].container) chosen[step].push_back(slice.card);
  const std::string& name = engine.index().nodes().entries[decision->node].name;
  RC_ASSERT(holds(*std::ranges::find(nodes, name, &NodeSpec::name), *shape, chosen));
  RC_ASSERT(!obstacle_on(engine.index(), *shape, decision->node).has_value());
}

RC_GTEST_PROP(QuotaLaws, OneDemandIsPlacedWhereBruteForcePlacesIt, ()) { check_requests(1); }

RC_GTEST_PROP(QuotaLaws, SeveralContainersAreAsWell, ()) { check_requests(any(2, 4)); }

}  // namespace
}  // namespace melon::placement

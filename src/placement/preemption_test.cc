// SPDX-License-Identifier: Apache-2.0
// Preemption against trying every set of victims on small clusters.
#include "placement/preemption.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "placement/testing.h"

namespace melon::placement {
namespace {

int any(int least, int below) { return *rc::gen::inRange(least, below); }

using testing::asking;

NodeSpec node(const std::string& name, int cards) {
  return testing::node_of_cards(name, cards, 3, 6,
                                {.cpu_milli = 12, .memory_mib = 1000, .pods = 12});
}

struct Cluster {
  Engine engine;
  std::vector<NodeSpec> nodes;

  void add(NodeSpec spec) {
    ASSERT_TRUE(engine.index().apply(spec, 1));
    nodes.push_back(std::move(spec));
  }
  bool book(const PodRequest& request, std::string id, std::int32_t priority,
            std::string group = {}, std::string_view policy = "binpack") {
    const auto shape = engine.shape(request);
    const auto decision = engine.place(*shape, *find_policy(policy));
    if (!decision) return false;
    return engine.commit({.id = std::move(id), .priority = priority, .group = std::move(group)},
                         *shape, *decision);
  }
};

TEST(Preemption, TheLowestPriorityGoesAndNoMoreThanNeeded) {
  Cluster cluster;
  cluster.add(node("a", 2));
  ASSERT_TRUE(cluster.book(asking(6), "high", 5));
  ASSERT_TRUE(cluster.book(asking(3), "low", 1));
  ASSERT_TRUE(cluster.book(asking(3), "lower", 0));
  const auto answer = preempt(cluster.engine, *cluster.engine.shape(asking(3)), 9);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->victims, std::vector<std::string>{"lower"});
  EXPECT_TRUE(answer->is_least);
  const auto whole = preempt(cluster.engine, *cluster.engine.shape(asking(6)), 9);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->victims, std::vector<std::string>{"high"}) << "one is fewer than two";
  const auto below = preempt(cluster.engine, *cluster.engine.shape(asking(6)), 5);
  ASSERT_TRUE(below);
  EXPECT_EQ(below->victims, (std::vector<std::string>{"lower", "low"}));
  EXPECT_FALSE(preempt(cluster.engine, *cluster.engine.shape(asking(6)), 1));
}

TEST(Preemption, WhatFitsEndsNobodyAndBudgetsHold) {
  Cluster cluster;
  cluster.add(node("a", 1));
  const auto free = preempt(cluster.engine, *cluster.engine.shape(asking(6)), 9);
  ASSERT_TRUE(free);
  EXPECT_TRUE(free->victims.empty());
  ASSERT_TRUE(cluster.book(asking(3), "web-1", 0, "web"));
  ASSERT_TRUE(cluster.book(asking(3), "web-2", 0, "web"));
  const auto shape = cluster.engine.shape(asking(6));
  EXPECT_TRUE(preempt(cluster.engine, *shape, 9));
  EXPECT_FALSE(preempt(cluster.engine, *shape, 9, {.budgets = {{"web", 1}}}));
  const auto one =
      preempt(cluster.engine, *cluster.engine.shape(asking(3)), 9, {.budgets = {{"web", 1}}});
  ASSERT_TRUE(one);
  EXPECT_EQ(one->victims.size(), 1U);
  EXPECT_FALSE(preempt(cluster.engine, *shape, 9, {.budgets = {{"web", 0}}}));
}

TEST(Preemption, RoomOnTheHostIsMadeToo) {
  Cluster cluster;
  cluster.add(node("a", 2));
  ASSERT_TRUE(cluster.book(asking(1, 1, 10), "hungry", 3));
  ASSERT_TRUE(cluster.book(asking(1, 1, 1), "modest", 0));
  const auto answer = preempt(cluster.engine, *cluster.engine.shape(asking(1, 1, 5)), 9);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->victims, std::vector<std::string>{"hungry"});
}

/// Fills a device of a node.
void take(Cluster& cluster, const std::string& node, int card, std::int32_t priority) {
  GrantSpec grant{
      .id = node + std::to_string(card), .node = node, .priority = priority, .slices = {{}}};
  grant.slices[0].uuid = node + "/" + std::to_string(card);
  grant.slices[0].amounts[kMemory] = 6;
  ASSERT_TRUE(cluster.engine.index().apply(grant, 1));
}

TEST(Preemption, WhereTheHighestPrioritiesAreAlikeTheNextOnesDecide) {
  Cluster cluster;
  for (const std::string name : {"a", "b", "c"}) cluster.add(node(name, 2));
  take(cluster, "a", 0, 7);
  take(cluster, "a", 1, 1);
  take(cluster, "b", 0, 0);
  take(cluster, "b", 1, 7);
  take(cluster, "c", 0, 7);
  take(cluster, "c", 1, 0);
  const auto answer = preempt(cluster.engine, *cluster.engine.shape(asking(6, 2)), 9);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->victims, (std::vector<std::string>{"b0", "b1"}));
}

/// A set of victims: how many, their priorities from the highest on, the place of the node.
using Rank = std::tuple<std::size_t, std::vector<std::int32_t>, std::string>;

struct Asked {
  const Cluster& cluster;
  const PodRequest& request;
  std::int32_t priority = 0;
  const PreemptionOptions& options;

  bool fits_without(const std::string& name, const std::set<std::string>& ended) const {
    Engine lone;
    const Index& index = cluster.engine.index();
    for (const NodeSpec& spec : cluster.nodes)
      if (spec.name == name) RC_ASSERT(lone.index().apply(spec, 1).has_value());
    for (const std::uint32_t slot : index.nodes().entries[*index.find_node(name)].grants)
      if (!ended.contains(index.grant(slot).id))
        RC_ASSERT(lone.index().apply(index.grant_spec(index.grant(slot)), 1).has_value());
    return lone.place(*lone.shape(request), *find_policy("binpack")).has_value();
  }

  std::optional<Rank> rank_of(const std::string& name,
                              const std::vector<const GrantEntry*>& ended) const {
    std::map<std::string, std::int64_t> groups;
    std::set<std::string> ids;
    std::vector<std::int32_t> priorities;
    for (const GrantEntry* const grant : ended) {
      if (grant->priority >= priority) return std::nullopt;
      if (const auto budget = options.budgets.find(grant->group);
          budget != options.budgets.end() && ++groups[grant->group] > budget->second)
        return std::nullopt;
      ids.insert(grant->id);
      priorities.push_back(grant->priority);
    }
    if (!fits_without(name, ids)) return std::nullopt;
    std::ranges::sort(priorities, std::greater<>());
    return Rank{ended.size(), std::move(priorities), name};
  }

  /// The best of all sets of grants of all nodes.
  std::optional<Rank> brute_force() const {
    const Index& index = cluster.engine.index();
    std::optional<Rank> best;
    for (const NodeSpec& spec : cluster.nodes) {
      const auto& grants = index.nodes().entries[*index.find_node(spec.name)].grants;
      for (std::uint32_t set = 0; set < (1U << grants.size()); ++set) {
        std::vector<const GrantEntry*> ended;
        for (std::size_t i = 0; i < grants.size(); ++i)
          if ((set >> i & 1U) != 0) ended.push_back(&index.grant(grants[i]));
        const auto rank = rank_of(spec.name, ended);
        if (rank && (!best || *rank < *best)) best = rank;
      }
    }
    return best;
  }
};

RC_GTEST_PROP(Preemption, IsTheBestOfAllSetsOfVictims, ()) {
  Cluster cluster;
  const int nodes = any(1, 4);
  for (int i = 0; i < nodes; ++i) cluster.add(node("n" + std::to_string(i), any(1, 4)));
  const int grants = any(2, 20);
  for (int i = 0; i < grants; ++i)
    static_cast<void>(cluster.book(asking(any(1, 7), any(1, 3), any(0, 4)), "g" + std::to_string(i),
                                   any(0, 4), any(0, 3) == 0 ? "group" : "",
                                   any(0, 2) == 0 ? "spread" : "binpack"));
  for (int i = any(0, 2) * grants; i-- > 0;)
    if (any(0, 3) > 0) cluster.engine.index().release("g" + std::to_string(i));
  for (const NodeSpec& spec : cluster.nodes)
    RC_PRE(cluster.engine.index()
               .nodes()
               .entries[*cluster.engine.index().find_node(spec.name)]
               .grants.size() <= 7);
  PodRequest request = asking(any(2, 7), any(1, 4), any(0, 13));
  if (any(0, 4) == 0) request.containers.push_back(asking(any(1, 7)).containers[0]);
  PreemptionOptions options;
  if (any(0, 2) == 0) options.budgets["group"] = any(0, 3);
  const std::int32_t priority = any(1, 6);
  const Asked asked{cluster, request, priority, options};
  const auto expected = asked.brute_force();
  const auto answer = preempt(cluster.engine, *cluster.engine.shape(request), priority, options);
  RC_CLASSIFY(expected && std::get<0>(*expected) > 0, "victims");
  RC_CLASSIFY(expected && std::get<0>(*expected) > 2, "more than two");
  RC_ASSERT(answer.has_value() == expected.has_value());
  if (!answer) return;
  RC_ASSERT(answer->is_least);
  std::vector<const GrantEntry*> ended;
  for (const std::string& id : answer->victims)
    ended.push_back(cluster.engine.index().find_grant(id));
  const std::string name = cluster.engine.index().nodes().entries[answer->node].name;
  const auto rank = asked.rank_of(name, ended);
  RC_ASSERT(rank.has_value());
  if (std::get<0>(*expected) == 0) return;  // where nobody is ended, binpack chooses the node
  RC_ASSERT(*rank == *expected);
}

RC_GTEST_PROP(Preemption, WithVictimsGoneItFitsAsTold, ()) {
  Cluster cluster;
  cluster.add(node("a", 3));
  cluster.add(node("b", 2));
  for (int i = 0; i < 20; ++i)
    static_cast<void>(
        cluster.book(asking(any(1, 7), any(1, 3)), "g" + std::to_string(i), any(0, 3)));
  const auto shape = cluster.engine.shape(asking(any(1, 7), any(1, 3)));
  const auto answer = preempt(cluster.engine, *shape, 5);
  RC_ASSERT(answer.has_value());
  for (const std::string& id : answer->victims) RC_ASSERT(cluster.engine.index().release(id));
  const Decision decision{.node = answer->node, .layout = answer->layout};
  RC_ASSERT(cluster.engine.commit({.id = "new"}, *shape, decision));
  for (const detail::NodeRow& row : cluster.engine.index().nodes().rows)
    for (const Amounts& room : cluster.engine.index().nodes().room_of(row))
      RC_ASSERT(Amounts{}.fits_in(room));
}

}  // namespace
}  // namespace melon::placement

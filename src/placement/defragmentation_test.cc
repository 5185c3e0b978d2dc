// SPDX-License-Identifier: Apache-2.0
// Advice on moves, carried out move by move, and against every sequence of moves on small clusters.
#include "placement/defragmentation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

#include "placement/testing.h"

namespace melon::placement {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

int any(int least, int below) { return *rc::gen::inRange(least, below); }

using testing::asking;

NodeSpec node(const std::string& name, int cards, std::int64_t cpu_milli = 100) {
  return testing::node_of_cards(name, cards, 3, 6,
                                {.cpu_milli = cpu_milli, .memory_mib = 1000, .pods = 12});
}

struct Cluster {
  Engine engine;
  std::vector<NodeSpec> nodes = {};
  std::vector<MovableGrant> movable = {};

  void add(const NodeSpec& spec) {
    ASSERT_TRUE(engine.index().apply(spec, 1));
    nodes.push_back(spec);
  }
  /// On these devices of one node; false where they have no room.
  bool put(const std::string& id, PodRequest request, std::vector<std::string> uuids) {
    PodRequest there = request;
    there.containers[0].devices[0].uuids = std::move(uuids);
    const auto shape = engine.shape(there);
    const auto decision = engine.place(*shape, *find_policy("binpack"));
    if (!decision || !engine.commit({.id = id}, *shape, *decision)) return false;
    movable.push_back({id, std::move(request)});
    return true;
  }
  std::string name(CardPlace place) const {
    const auto& nodes_there = engine.index().nodes();
    return nodes_there.cards_of(nodes_there.rows[place.node])[place.card].uuid;
  }
};

std::int64_t free_devices(const Index& index) {
  std::int64_t free = 0;
  for (std::uint32_t at = 0; at < index.nodes().rows.size(); ++at) {
    std::vector<bool> used(index.nodes().rows[at].cards);
    for (const std::uint32_t slot : index.nodes().entries[at].grants)
      for (const CardSlice& slice : index.grant(slot).slices) used[slice.card] = true;
    free += std::ranges::count(used, false);
  }
  return free;
}

bool is_overcommitted(const Index& index) {
  for (const detail::NodeRow& row : index.nodes().rows) {
    if (!HostAmounts{}.fits_in(row.free)) return true;
    for (const Amounts& room : index.nodes().room_of(row))
      if (!Amounts{}.fits_in(room)) return true;
  }
  return false;
}

TEST(Defragmentation, ClearsTheDeviceOfTheFewestMovesOntoOneInUse) {
  Cluster cluster;
  cluster.add(node("a", 2));
  cluster.add(node("b", 2));
  ASSERT_TRUE(cluster.put("small", asking(2), {"a/0"}));
  ASSERT_TRUE(cluster.put("one", asking(1), {"a/1"}));
  ASSERT_TRUE(cluster.put("two", asking(1), {"a/1"}));
  ASSERT_TRUE(cluster.put("large", asking(4), {"b/0"}));
  const Defragmentation advice =
      defragment(cluster.engine.index(), cluster.movable, {.most_moves = 1});
  EXPECT_EQ(advice.free_before, 1);
  EXPECT_EQ(advice.free_after, 2);
  ASSERT_THAT(advice.moves, SizeIs(1));
  EXPECT_EQ(advice.moves[0].id, "small");
  ASSERT_THAT(advice.moves[0].frees, SizeIs(1));
  EXPECT_EQ(cluster.name(advice.moves[0].frees[0]), "a/0");
  EXPECT_EQ(cluster.engine.index().find_grant("small")->node,
            *cluster.engine.index().find_node("a"))
      << "advice changes nothing";
  EXPECT_EQ(defragment(cluster.engine.index(), cluster.movable).free_after, 2)
      << "no room for more";
}

TEST(Defragmentation, WhatMayNotMoveStays) {
  Cluster cluster;
  cluster.add(node("a", 2));
  ASSERT_TRUE(cluster.put("x", asking(2), {"a/0"}));
  ASSERT_TRUE(cluster.put("y", asking(2), {"a/1"}));
  EXPECT_THAT(defragment(cluster.engine.index(), {}).moves, IsEmpty());
  const std::vector<MovableGrant> only_y = {cluster.movable[1]};
  const Defragmentation advice = defragment(cluster.engine.index(), only_y);
  ASSERT_THAT(advice.moves, SizeIs(1));
  EXPECT_EQ(advice.moves[0].id, "y");
  const auto nobody = [](const std::string&, const Decision&) { return false; };
  EXPECT_THAT(defragment(cluster.engine.index(), only_y, {.allows = nobody}).moves, IsEmpty());
}

TEST(Defragmentation, TheHostsRulesHold) {
  Cluster cluster;
  cluster.add(node("a", 1, 10));
  cluster.add(node("b", 1, 4));
  ASSERT_TRUE(cluster.put("hungry", asking(2, 1, 5), {"a/0"}));
  ASSERT_TRUE(cluster.put("modest", asking(2, 1, 4), {"b/0"}));
  const Defragmentation advice = defragment(cluster.engine.index(), cluster.movable);
  ASSERT_THAT(advice.moves, SizeIs(1)) << "only a has the processors for both";
  EXPECT_EQ(advice.moves[0].id, "modest");
}

TEST(Defragmentation, OneGrantOnSeveralDevicesFreesThemAll) {
  Cluster cluster;
  cluster.add(node("a", 2));
  cluster.add(node("b", 2));
  ASSERT_TRUE(cluster.put("pair", asking(3, 2), {"a/0", "a/1"}));
  ASSERT_TRUE(cluster.put("x", asking(3), {"b/0"}));
  ASSERT_TRUE(cluster.put("y", asking(3), {"b/1"}));
  const Defragmentation advice = defragment(cluster.engine.index(), cluster.movable);
  ASSERT_THAT(advice.moves, SizeIs(1));
  EXPECT_EQ(advice.moves[0].id, "pair");
  EXPECT_THAT(advice.moves[0].frees, SizeIs(2));
}

TEST(Defragmentation, CordonedDevicesAreNoGain) {
  Cluster cluster;
  NodeSpec spec = node("a", 2);
  cluster.add(spec);
  ASSERT_TRUE(cluster.put("x", asking(2), {"a/0"}));
  ASSERT_TRUE(cluster.put("y", asking(2), {"a/1"}));
  spec.devices[0].cordoned = true;
  ASSERT_TRUE(cluster.engine.index().apply(spec, 2));
  const Defragmentation advice = defragment(cluster.engine.index(), cluster.movable);
  EXPECT_THAT(advice.moves, IsEmpty()) << "x is on a device that is of no use, y has nowhere to go";
}

void fill(Cluster& cluster) {
  const int nodes = any(1, 4);
  for (int i = 0; i < nodes; ++i)
    cluster.add(node(std::string(1, static_cast<char>('a' + i)), any(1, 4), any(4, 20)));
  const int grants = any(1, 7);
  for (int i = 0; i < grants; ++i) {
    const int count = *rc::gen::weightedElement<int>({{4, 1}, {1, 2}});
    const NodeSpec& on = cluster.nodes[static_cast<std::size_t>(any(0, nodes))];
    std::vector<std::string> uuids;
    for (int card = 0; card < count; ++card)
      uuids.push_back(
          on.devices[static_cast<std::size_t>(any(0, static_cast<int>(on.devices.size())))].uuid);
    static_cast<void>(
        cluster.put("g" + std::to_string(i), asking(any(1, 6), count, any(0, 4)), uuids));
  }
}

RC_GTEST_PROP(DefragmentationLaws, MovesMadeOneByOneKeepWhatIsPromised, ()) {
  Cluster cluster;
  fill(cluster);
  const auto most = static_cast<std::size_t>(any(1, 6));
  std::vector<MovableGrant> movable;
  for (const MovableGrant& one : cluster.movable)
    if (any(0, 5) > 0) movable.push_back(one);
  Index& index = cluster.engine.index();
  const Defragmentation advice = defragment(index, movable, {.most_moves = most});
  RC_ASSERT(advice.moves.size() <= most);
  RC_ASSERT(advice.free_before == free_devices(index));
  std::vector<CardPlace> freed;
  for (const Move& move : advice.moves) {
    const auto found = std::ranges::find(movable, move.id, &MovableGrant::id);
    RC_ASSERT(found != movable.end());
    const GrantEntry* const before = index.find_grant(move.id);
    RC_ASSERT(before->node == move.from);
    RC_ASSERT(before->slices == move.left);
    RC_ASSERT(index.release(move.id));
    const Decision decision{.node = move.to, .layout = move.layout};
    RC_ASSERT(
        cluster.engine.commit({.id = move.id}, *cluster.engine.shape(found->request), decision));
    RC_ASSERT(!is_overcommitted(index));
    freed.insert(freed.end(), move.frees.begin(), move.frees.end());
  }
  RC_ASSERT(free_devices(index) == advice.free_after);
  RC_ASSERT(std::ssize(freed) == advice.free_after - advice.free_before);
  if (!advice.moves.empty()) RC_ASSERT(!advice.moves.back().frees.empty());
  RC_ASSERT(index.audit().empty());
}

/// Every set of devices of one node that a grant of one or two devices could have.
std::vector<std::vector<std::string>> choices(const Cluster& cluster, const MovableGrant& grant) {
  const bool is_pair = grant.request.containers[0].devices[0].count == 2;
  std::vector<std::vector<std::string>> all;
  for (const NodeSpec& spec : cluster.nodes)
    for (std::size_t i = 0; i < spec.devices.size(); ++i) {
      if (!is_pair) all.push_back({spec.devices[i].uuid});
      for (std::size_t j = i + 1; is_pair && j < spec.devices.size(); ++j)
        all.push_back({spec.devices[i].uuid, spec.devices[j].uuid});
    }
  return all;
}

/// The most free devices that any sequence of so many moves leads to.
std::int64_t most_free(Engine& engine, const Cluster& cluster, std::size_t moves) {
  std::int64_t most = free_devices(engine.index());
  if (moves == 0) return most;
  for (const MovableGrant& one : cluster.movable) {
    const GrantEntry before = *engine.index().find_grant(one.id);
    engine.index().release(one.id);
    for (const std::vector<std::string>& uuids : choices(cluster, one)) {
      PodRequest there = one.request;
      there.containers[0].devices[0].uuids = uuids;
      const auto shape = engine.shape(there);
      const auto decision = engine.place(*shape, *find_policy("binpack"));
      if (!decision || !engine.commit({.id = one.id}, *shape, *decision)) continue;
      most = std::max(most, most_free(engine, cluster, moves - 1));
      engine.index().release(one.id);
    }
    engine.index().reserve(before);
  }
  return most;
}

RC_GTEST_PROP(DefragmentationLaws, AtMostOneDeviceFewerThanTwoBestMoves, ()) {
  Cluster cluster;
  fill(cluster);
  const Defragmentation advice =
      defragment(cluster.engine.index(), cluster.movable, {.most_moves = 2});
  Engine engine;
  engine.index() = cluster.engine.index();
  const std::int64_t best = most_free(engine, cluster, 2);
  RC_ASSERT(advice.free_after <= best);
  RC_ASSERT(advice.free_after >= best - 1);
  const Defragmentation one =
      defragment(cluster.engine.index(), cluster.movable, {.most_moves = 1});
  RC_CLASSIFY(advice.free_after < best, "fewer than the best two moves");
  RC_ASSERT(one.free_after >= most_free(engine, cluster, 1) - 1);
  RC_CLASSIFY(one.free_after < most_free(engine, cluster, 1), "fewer than one");
}

}  // namespace
}  // namespace melon::placement

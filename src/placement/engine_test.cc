// SPDX-License-Identifier: Apache-2.0
// The engine on clusters made by hand: choice, ties, events in any order, rules.
#include "placement/engine.h"

#include <gtest/gtest.h>

namespace melon::placement {
namespace {

constexpr std::int32_t kMemoryMib = 80'000;

DeviceSpec card(std::string uuid, std::string type = "A") {
  DeviceSpec device{.uuid = std::move(uuid), .vendor = "acme", .type = std::move(type)};
  device.capacity[kSlots] = 10;
  device.capacity[kMemory] = kMemoryMib;
  device.capacity[kCompute] = 1000;
  return device;
}

NodeSpec node(const std::string& name, int cards, std::uint32_t rank = 0) {
  NodeSpec spec{.name = name, .rank = rank};
  spec.capacity = {.cpu_milli = 64'000, .memory_mib = 256'000, .pods = 110, .ephemeral_mib = 1000};
  for (int i = 0; i < cards; ++i) spec.devices.push_back(card(name + "/" + std::to_string(i)));
  return spec;
}

DeviceDemand demand(std::int32_t memory, std::int32_t compute, int count = 1) {
  DeviceDemand wanted{.vendor = "acme", .count = count};
  wanted.each[kMemory] = memory;
  wanted.each[kCompute] = compute;
  return wanted;
}

PodRequest asking(DeviceDemand wanted) {
  PodRequest request;
  request.containers.push_back(
      {.host = {.cpu_milli = 1000, .memory_mib = 100}, .devices = {std::move(wanted)}});
  return request;
}

const Policy& policy(std::string_view name) { return *find_policy(name); }

struct Cluster {
  Engine engine;
  int grants = 0;

  /// "node:card,card", or "" where nothing fits; books it.
  std::string place(const PodRequest& request, std::string_view name = "binpack") {
    const auto shape = engine.shape(request);
    const auto decision = engine.place(*shape, policy(name));
    if (!decision) return "";
    std::string text = engine.index().nodes().entries[decision->node].name + ":";
    for (const CardSlice& slice : decision->layout.booked) text += std::to_string(slice.card);
    EXPECT_TRUE(engine.commit({.id = "g" + std::to_string(grants++)}, *shape, *decision));
    return text;
  }
};

TEST(Engine, BinpackFillsAndSpreadSpreads) {
  Cluster cluster;
  for (const char* const name : {"a", "b"})
    ASSERT_TRUE(cluster.engine.index().apply(node(name, 2), 1));
  const PodRequest half = asking(demand(40'000, 400));
  EXPECT_EQ(cluster.place(half), "a:0");
  EXPECT_EQ(cluster.place(half), "a:0");
  EXPECT_EQ(cluster.place(half), "a:1");
  EXPECT_EQ(cluster.place(half, "spread"), "b:0");
  EXPECT_EQ(cluster.place(half, "spread"), "b:1");
  EXPECT_EQ(cluster.place(asking(demand(80'000, 1000, 2))), "");
}

TEST(Engine, NodesOfManyCardsAreFilledToTheLast) {
  for (const char* const name : {"binpack", "spread", "fgd", "fragmentation"}) {
    Cluster cluster;
    cluster.engine.set_targets({{.devices = demand(40'000, 400), .weight = 1}});
    ASSERT_TRUE(cluster.engine.index().apply(node("a", 70), 1));
    const PodRequest half = asking(demand(40'000, 400));
    for (int i = 0; i < 64; ++i) EXPECT_NE(cluster.place(half, name), "") << name << i;
    NodeSpec more = node("a", 70);
    more.capacity.cpu_milli = 200'000;
    more.capacity.pods = 200;
    ASSERT_TRUE(cluster.engine.index().apply(more, 2));
    for (int i = 64; i < 140; ++i) EXPECT_NE(cluster.place(half, name), "") << name << i;
    EXPECT_EQ(cluster.place(half, name), "") << name;
    EXPECT_TRUE(cluster.engine.index().audit().empty());
  }
}

TEST(Engine, EveryDimensionIsKept) {
  Cluster cluster;
  ASSERT_TRUE(cluster.engine.index().apply(node("a", 1), 1));
  EXPECT_EQ(cluster.place(asking(demand(kMemoryMib + 1, 1))), "");
  EXPECT_EQ(cluster.place(asking(demand(1, 1001))), "");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(cluster.place(asking(demand(1, 0))), "a:0");
  EXPECT_EQ(cluster.place(asking(demand(1, 0))), "") << "all slots are taken";
  EXPECT_TRUE(cluster.engine.index().audit().empty());
}

TEST(Engine, AWholeDeviceIsAlone) {
  Cluster cluster;
  ASSERT_TRUE(cluster.engine.index().apply(node("a", 2), 1));
  DeviceDemand whole = demand(0, 0);
  whole.whole = true;
  EXPECT_EQ(cluster.place(asking(demand(1, 1))), "a:0");
  EXPECT_EQ(cluster.place(asking(whole)), "a:1");
  EXPECT_EQ(cluster.place(asking(whole)), "");
  EXPECT_TRUE(cluster.engine.index().release("g0"));
  EXPECT_EQ(cluster.place(asking(whole)), "a:0");
}

TEST(Engine, TiesGoToTheLowestRankThenTheNameWhateverTheOrder) {
  for (const bool reversed : {false, true}) {
    Cluster cluster;
    std::vector<NodeSpec> nodes = {node("c", 1, 7), node("b", 1, 3), node("a", 1, 3)};
    if (reversed) std::ranges::reverse(nodes);
    for (const NodeSpec& spec : nodes) ASSERT_TRUE(cluster.engine.index().apply(spec, 1));
    EXPECT_EQ(cluster.place(asking(demand(80'000, 1))), "a:0");
    EXPECT_EQ(cluster.place(asking(demand(80'000, 1))), "b:0");
    ASSERT_TRUE(cluster.engine.index().apply(node("d", 1, 1), 1));  // comes late, is first
    EXPECT_EQ(cluster.place(asking(demand(80'000, 1))), "d:0");
    EXPECT_EQ(cluster.place(asking(demand(80'000, 1))), "c:0");
  }
}

TEST(Engine, TypesUuidsHealthAndCordonDecide) {
  Cluster cluster;
  NodeSpec spec = node("a", 3);
  spec.devices[0].healthy = false;
  spec.devices[1].type = "B";
  ASSERT_TRUE(cluster.engine.index().apply(spec, 1));
  DeviceDemand of_b = demand(1, 1);
  of_b.types = {"B"};
  EXPECT_EQ(cluster.place(asking(of_b)), "a:1");
  DeviceDemand by_uuid = demand(1, 1);
  by_uuid.uuids = {"a/0", "a/2"};
  EXPECT_EQ(cluster.place(asking(by_uuid)), "a:2");
  by_uuid.not_uuids = {"a/2"};
  EXPECT_EQ(cluster.place(asking(by_uuid)), "");
  spec.cordoned = true;
  ASSERT_TRUE(cluster.engine.index().apply(spec, 2));
  EXPECT_EQ(cluster.place(asking(of_b)), "");
}

TEST(Engine, DevicesOfOneNumaNodeOrLinkGroup) {
  Cluster cluster;
  NodeSpec spec = node("a", 4);
  for (int i = 0; i < 4; ++i) spec.devices.at(static_cast<std::size_t>(i)).numa = i % 2;
  spec.devices[1].link_group = spec.devices[2].link_group = 5;
  ASSERT_TRUE(cluster.engine.index().apply(spec, 1));
  DeviceDemand near = demand(1, 1000, 2);
  near.one_numa = true;
  DeviceDemand linked = demand(1, 1000, 2);
  linked.one_link_group = true;
  EXPECT_EQ(cluster.place(asking(demand(1, 1000))), "a:0");
  EXPECT_EQ(cluster.place(asking(near)), "a:13");
  EXPECT_EQ(cluster.place(asking(linked)), "");
}

TEST(Engine, InitContainersRunBeforeTheOthers) {
  Cluster cluster;
  ASSERT_TRUE(cluster.engine.index().apply(node("a", 1), 1));
  PodRequest request;
  request.containers = {{.role = Role::kSidecar, .devices = {demand(10'000, 100)}},
                        {.role = Role::kInit, .devices = {demand(70'000, 900)}},
                        {.role = Role::kApp, .devices = {demand(50'000, 500)}},
                        {.role = Role::kApp, .devices = {demand(20'000, 100)}}};
  EXPECT_EQ(cluster.place(request), "a:0");
  const GrantEntry& grant = *cluster.engine.index().find_grant("g0");
  EXPECT_EQ(grant.slices.at(0).amounts[kMemory], 80'000);
  EXPECT_EQ(grant.slices.at(0).amounts[kCompute], 1000);
  request.containers[1].devices[0].each[kMemory] = 70'001;  // beside the sidecar it is too much
  EXPECT_TRUE(cluster.engine.index().release("g0"));
  EXPECT_EQ(cluster.place(request), "");
}

TEST(Engine, FindsWhatOnlyBacktrackingFinds) {
  Cluster cluster;
  NodeSpec spec = node("a", 2);
  spec.devices[1].capacity[kMemory] = 50'000;
  ASSERT_TRUE(cluster.engine.index().apply(spec, 1));
  PodRequest request;
  request.containers = {{.devices = {demand(45'000, 1)}}, {.devices = {demand(60'000, 1)}}};
  EXPECT_EQ(cluster.place(request), "a:01");
  std::ranges::reverse(request.containers);
  EXPECT_TRUE(cluster.engine.index().release("g0"));
  EXPECT_EQ(cluster.place(request), "a:01");
}

TEST(Engine, HostRulesDecideToo) {
  Cluster cluster;
  NodeSpec spec = node("a", 1);
  spec.labels = {{"zone", "x"}, {"size", "7"}};
  spec.extended = {{"acme.com/nic", 1}};
  spec.taints = {{.key = "only", .value = "ml", .effect = "NoSchedule"}};
  ASSERT_TRUE(cluster.engine.index().apply(spec, 1));
  PodRequest request = asking(demand(1, 1));
  EXPECT_EQ(cluster.place(request), "") << "the taint";
  request.tolerations = {{.key = "only", .value = "ml"}};
  EXPECT_EQ(cluster.place(request), "a:0");
  request.labels = {{.key = "zone", .op = LabelRule::Operator::kIn, .values = {"y"}}};
  EXPECT_EQ(cluster.place(request), "") << "the label";
  request.labels = {{.key = "size", .op = LabelRule::Operator::kGreater, .values = {"6"}}};
  request.host_ports = {{.number = 8080}};
  EXPECT_EQ(cluster.place(request), "a:0");
  EXPECT_EQ(cluster.place(request), "") << "the port";
  request.host_ports = {{.number = 8080, .protocol = "UDP", .address = "10.0.0.1"}};
  EXPECT_EQ(cluster.place(request), "a:0") << "of another protocol";
  request.host_ports[0].address = "10.0.0.2";
  EXPECT_EQ(cluster.place(request), "a:0") << "on another address";
  request.host_ports[0].address = "10.0.0.1";
  EXPECT_EQ(cluster.place(request), "") << "the port of that address";
  request.host_ports[0].address.clear();
  EXPECT_EQ(cluster.place(request), "") << "every address is barred by one";
  request.host_ports = {};
  request.containers[0].extended = {{"acme.com/nic", 1}};
  EXPECT_EQ(cluster.place(request), "a:0");
  EXPECT_EQ(cluster.place(request), "") << "the resource";
  spec.labels["size"] = "5";
  ASSERT_TRUE(cluster.engine.index().apply(spec, 2));
  request.containers[0].extended = {};
  EXPECT_EQ(cluster.place(request), "") << "the label that changed";
  EXPECT_TRUE(cluster.engine.index().audit().empty());
}

TEST(Engine, AnOverdrawnNodeTakesWhoAsksForNoneOfThat) {
  Cluster cluster;
  NodeSpec spec = node("a", 1);
  ASSERT_TRUE(cluster.engine.index().apply(spec, 1));
  PodRequest request = asking(demand(1, 1));
  EXPECT_EQ(cluster.place(request), "a:0");
  spec.capacity.cpu_milli = 500;  // less than what runs there
  ASSERT_TRUE(cluster.engine.index().apply(spec, 2));
  request.containers[0].host.cpu_milli = 1;
  EXPECT_EQ(cluster.place(request), "");
  request.containers[0].host.cpu_milli = 0;
  EXPECT_EQ(cluster.place(request), "a:0");
}

TEST(Engine, OversubscriptionIsPerNodeAndNeverForOneSlice) {
  Cluster cluster;
  NodeSpec spec = node("a", 1);
  spec.oversubscription = {.memory_permille = 2000, .compute_permille = 1000};
  ASSERT_TRUE(cluster.engine.index().apply(spec, 1));
  EXPECT_EQ(cluster.place(asking(demand(kMemoryMib + 1, 1))), "");
  EXPECT_EQ(cluster.place(asking(demand(kMemoryMib, 1))), "a:0");
  EXPECT_EQ(cluster.place(asking(demand(kMemoryMib, 1))), "a:0");
  EXPECT_EQ(cluster.place(asking(demand(1, 1))), "");
}

GrantSpec grant(const std::string& id, const std::string& on, std::int32_t memory) {
  GrantSpec spec{.id = id, .node = on, .host = {.cpu_milli = 1}};
  spec.slices = {{.uuid = on + "/0"}};
  spec.slices[0].amounts[kSlots] = 1;
  spec.slices[0].amounts[kMemory] = memory;
  return spec;
}

TEST(Index, GrantsWaitForTheirNodeAndSurviveItsReturn) {
  Index index;
  ASSERT_TRUE(index.apply(grant("g", "a", 100), 5));
  EXPECT_EQ(index.find_grant("g"), nullptr);
  ASSERT_TRUE(index.apply(node("a", 1), 1));
  EXPECT_EQ(index.nodes().room[0][kMemory], kMemoryMib - 100);
  index.remove_node("a", 2);
  ASSERT_TRUE(index.apply(node("a", 1), 2)) << "stale: what is gone stays gone";
  EXPECT_FALSE(index.find_node("a"));
  ASSERT_TRUE(index.apply(node("a", 2), 3));
  const auto slot = *index.find_node("a");
  EXPECT_EQ(index.nodes().room_of(index.nodes().rows[slot])[0][kMemory], kMemoryMib - 100);
  EXPECT_TRUE(index.audit().empty());
}

TEST(Index, ADeviceThatVanishesTakesItsSlicesAlongAndBringsThemBack) {
  Index index;
  ASSERT_TRUE(index.apply(node("a", 1), 1));
  ASSERT_TRUE(index.apply(grant("g", "a", 100), 1));
  ASSERT_TRUE(index.apply(node("a", 0), 2));
  EXPECT_EQ(index.nodes().rows[0].free.cpu_milli, 63'999) << "the pod is still there";
  ASSERT_TRUE(index.apply(node("a", 1), 3));
  EXPECT_EQ(index.nodes().room_of(index.nodes().rows[0])[0][kMemory], kMemoryMib - 100);
  index.remove_grant("g", 2);
  EXPECT_EQ(index.nodes().room_of(index.nodes().rows[0])[0][kMemory], kMemoryMib);
}

TEST(Index, RefusesWhatCanNotBe) {
  Index index;
  NodeSpec twice = node("a", 2);
  twice.devices[1].uuid = twice.devices[0].uuid;
  EXPECT_EQ(index.apply(twice, 1).error().code, Code::kInvalidArgument);
  NodeSpec negative = node("a", 1);
  negative.devices[0].capacity[kMemory] = -1;
  EXPECT_EQ(index.apply(negative, 1).error().code, Code::kInvalidArgument);
  EXPECT_EQ(index.apply(grant("g", "a", -1), 1).error().code, Code::kInvalidArgument);
  EXPECT_EQ(index.grant_count(), 0U);
}

}  // namespace
}  // namespace melon::placement

// SPDX-License-Identifier: Apache-2.0
// Reasons: the first rule that fails, with its numbers; and that they agree with the engine.
#include "placement/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "placement/engine.h"

namespace melon::placement {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

DeviceSpec card(const std::string& uuid, std::int32_t memory, std::int32_t compute = 100) {
  return {.uuid = uuid, .vendor = "NVIDIA", .type = "T4", .capacity = {{10, memory, compute}}};
}

NodeSpec node(const std::string& name, std::vector<DeviceSpec> devices) {
  return {.name = name,
          .capacity = {.cpu_milli = 8000, .memory_mib = 64000, .pods = 110, .ephemeral_mib = 1000},
          .labels = {{"zone", "a"}},
          .devices = std::move(devices)};
}

DeviceDemand asking(std::int32_t memory, std::int32_t compute = 0, int count = 1) {
  return {.vendor = "NVIDIA", .count = count, .each = {{1, memory, compute}}};
}

PodRequest pod_of(DeviceDemand demand) {
  PodRequest request;
  request.containers.push_back({.devices = {std::move(demand)}});
  return request;
}

/// Why the only node of a cluster does not take a request.
Obstacle only_obstacle(const NodeSpec& spec, const PodRequest& request) {
  Engine engine;
  EXPECT_TRUE(engine.index().apply(spec, 1));
  const auto shape = engine.shape(request);
  EXPECT_FALSE(engine.place(*shape, *find_policy("binpack")));
  const auto groups = explain(engine.index(), *shape);
  EXPECT_THAT(groups, SizeIs(1));
  return groups.empty() ? Obstacle{} : groups.front().obstacle;
}

TEST(Explain, EachRuleWithItsNumbers) {
  struct Case {
    const char* text;
    Rule rule;
    NodeSpec spec;
    PodRequest request;
  };
  std::vector<Case> cases;
  const auto add = [&cases](const char* text, Rule rule) -> Case& {
    cases.push_back(
        {text, rule, node("n", {card("a", 8000), card("b", 4000)}), pod_of(asking(1000))});
    return cases.back();
  };
  add("9000 MiB asked, most free device has 8000", Rule::kDeviceMemory).request =
      pod_of(asking(9000));
  add("120 of compute asked, most free device has 100", Rule::kCompute).request =
      pod_of(asking(1, 120));
  add("2 devices asked, 1 of 2 have room", Rule::kTooFew).request = pod_of(asking(5000, 0, 2));
  add("3 NVIDIA devices asked, the node has 2", Rule::kDevices).request = pod_of(asking(1, 0, 3));
  Case& sick = add("2 of 2 devices are not healthy", Rule::kUnhealthy);
  for (DeviceSpec& device : sick.spec.devices) device.healthy = false;
  Case& kept = add("2 of 2 devices are cordoned", Rule::kDeviceCordoned);
  for (DeviceSpec& device : kept.spec.devices) device.cordoned = true;
  add("another type or mode", Rule::kType).request.containers[0].devices[0].types = {"A100"};
  add("not among those", Rule::kUuid).request.containers[0].devices[0].uuids = {"c"};
  Case& bound = add("2 devices of one NUMA node asked, at most 1 of one", Rule::kOneGroup);
  bound.request = pod_of(asking(1, 0, 2));
  bound.request.containers[0].devices[0].one_numa = true;
  bound.spec.devices[0].numa = 0;
  bound.spec.devices[1].numa = 1;
  add("cordoned", Rule::kCordoned).spec.cordoned = true;
  add("the node does not have zone=b", Rule::kLabels).request.labels = {
      {.key = "zone", .values = {"b"}}};
  add("taint a=b:NoSchedule is not tolerated", Rule::kTaint).spec.taints = {
      {"a", "b", "NoSchedule"}};
  add("9000m CPU asked, most free node has 8000m", Rule::kCpu)
      .request.containers[0]
      .host.cpu_milli = 9000;
  add("2 x.io/y asked, most free node has 0", Rule::kExtended).request.containers[0].extended = {
      {"x.io/y", 2}};
  add("no room for another pod", Rule::kPods).spec.capacity.pods = 0;
  for (const Case& one : cases) {
    const Obstacle obstacle = only_obstacle(one.spec, one.request);
    EXPECT_EQ(word_of(obstacle.rule), word_of(one.rule)) << one.text;
    EXPECT_THAT(to_text(obstacle), HasSubstr(one.text));
  }
}

TEST(Explain, WhereMoreIsGivenOutThanThereIsNothingIsLeft) {
  Engine engine;
  NodeSpec spec = node("n", {});
  spec.extended = {{"x.io/y", 10}};
  EXPECT_TRUE(engine.index().apply(spec, 1));
  EXPECT_TRUE(engine.index().apply({.id = "g", .node = "n", .extended = {{"x.io/y", 40}}}, 1));
  PodRequest request;
  request.containers.push_back({.extended = {{"x.io/y", 2}}});
  const auto obstacle = obstacle_on(engine.index(), *engine.shape(request), 0);
  ASSERT_TRUE(obstacle);
  EXPECT_EQ(to_text(*obstacle), "2 x.io/y asked, most free node has 0");
}

TEST(Explain, AlikeNodesAreToldTogetherAndTheBestIsTheExample) {
  Engine engine;
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(engine.index().apply(
        node("n" + std::to_string(i), {card("c" + std::to_string(i), 1000 * (i + 1))}), 1));
  EXPECT_TRUE(engine.index().apply(node("bare", {}), 1));
  const auto shape = engine.shape(pod_of(asking(6000)));
  const auto groups = explain(engine.index(), *shape);
  ASSERT_THAT(groups, SizeIs(2));
  EXPECT_EQ(groups[0].nodes, 5);
  EXPECT_EQ(groups[0].example, "n4");
  EXPECT_EQ(groups[0].obstacle.found, 5000);
  EXPECT_EQ(groups[1].nodes, 1);
  const auto near = nearest(engine.index(), *shape);
  ASSERT_FALSE(near.empty());
  EXPECT_EQ(to_text(near.front()), "with 5000 MiB instead of 6000 it would fit on n4");
  EXPECT_TRUE(engine.place(*engine.shape(near.front().request), *find_policy("binpack")));
}

TEST(Explain, NothingIsNearWhereNoNodeHasSuchDevices) {
  Engine engine;
  EXPECT_TRUE(engine.index().apply(node("bare", {}), 1));
  EXPECT_THAT(nearest(engine.index(), *engine.shape(pod_of(asking(1)))), IsEmpty());
}

struct Drawn {
  std::vector<NodeSpec> nodes;
  PodRequest request;
};

Drawn draw_cluster() {
  const auto upto = [](int most) { return *rc::gen::inRange(0, most + 1); };
  Drawn drawn;
  const int nodes = 1 + upto(3);
  for (int n = 0; n < nodes; ++n) {
    std::vector<DeviceSpec> devices;
    const int cards = upto(3);
    for (int c = 0; c < cards; ++c) {
      devices.push_back(
          card(std::to_string(n) + "-" + std::to_string(c), 1 + upto(8), 1 + upto(4)));
      devices.back().healthy = upto(4) > 0;
      devices.back().type = upto(1) == 0 ? "T4" : "A100";
    }
    drawn.nodes.push_back(node("n" + std::to_string(n), std::move(devices)));
    drawn.nodes.back().capacity.cpu_milli = upto(4);
    if (upto(5) == 0) drawn.nodes.back().taints = {{"t", "", "NoSchedule"}};
  }
  drawn.request = pod_of(asking(upto(9), upto(5), 1 + upto(2)));
  drawn.request.containers[0].host.cpu_milli = upto(4);
  DeviceDemand& demand = drawn.request.containers[0].devices[0];
  if (upto(3) == 0) demand.types = {"A100"};
  demand.whole = upto(5) == 0;
  return drawn;
}

RC_GTEST_PROP(Explain, AgreesWithTheEngineAboutSingleDemands, ()) {
  const Drawn drawn = draw_cluster();
  Engine engine;
  for (const NodeSpec& spec : drawn.nodes) RC_ASSERT(bool(engine.index().apply(spec, 1)));
  // Something runs already, so that rooms differ from capacities.
  const auto first = engine.shape(pod_of(asking(1, 1)));
  const Policy& policy = *find_policy("binpack");
  if (const auto decision = engine.place(*first, policy))
    engine.commit({.id = "first"}, *first, *decision);
  const auto shape = engine.shape(drawn.request);
  const auto decision = engine.place(*shape, policy);
  bool any_free = false;
  for (std::uint32_t i = 0; i < engine.index().nodes().rows.size(); ++i)
    any_free = any_free || !obstacle_on(engine.index(), *shape, i);
  RC_ASSERT(any_free == decision.has_value());
  if (decision) RC_ASSERT(!obstacle_on(engine.index(), *shape, decision->node));
  for (const Nearest& near : nearest(engine.index(), *shape)) {
    RC_ASSERT(near.fits < near.asked);
    if (!decision) RC_ASSERT(engine.place(*engine.shape(near.request), policy).has_value());
  }
}

/// "a:device_memory,compute b:" by device.
std::string rules_of(const std::vector<DeviceAnswer>& answers) {
  std::string text;
  for (const DeviceAnswer& answer : answers) {
    text += (text.empty() ? "" : " ") + answer.uuid + ":";
    for (const Rule rule : answer.rules) text += std::string(word_of(rule)) + ",";
  }
  return text;
}

TEST(Explain, EachDeviceSaysAllThatItLacks) {
  NodeSpec spec = node("n", {card("a", 8000), card("b", 4000), card("c", 500), card("d", 8000)});
  spec.devices[3].healthy = false;
  Engine engine;
  ASSERT_TRUE(engine.index().apply(spec, 1));
  ASSERT_TRUE(engine.index().apply(
      {.id = "g", .node = "n", .slices = {{.uuid = "b", .amounts = {{1, 3900, 80}}}}}, 1));
  const auto asked = [&](const DeviceDemand& demand) {
    return device_answers(engine.index(), *engine.shape(pod_of(demand)), 0);
  };
  EXPECT_EQ(rules_of(asked(asking(1000, 30))),
            "a: b:device_memory,compute, c:device_memory, d:unhealthy,");
  EXPECT_EQ(asked(asking(1000, 30)).at(1).offered[kMemory], 100);
  EXPECT_EQ(asked(asking(1000, 30)).at(1).asked[kCompute], 30);
  DeviceDemand alone = asking(10);
  alone.unused = true;
  EXPECT_EQ(rules_of(asked(alone)), "a: b:shared, c: d:unhealthy,");
  alone.memory_permille = 1000;
  alone.each[kCompute] = 100;
  EXPECT_EQ(rules_of(asked(alone)), "a: b:device_memory,compute,shared, c: d:unhealthy,");
  EXPECT_THAT(device_answers(engine.index(), *engine.shape({}), 0), IsEmpty());
}

TEST(Explain, WhatIsNearestToADeviceAloneIsNoUsedDevice) {
  Engine engine;
  ASSERT_TRUE(engine.index().apply(node("n", {card("a", 8000), card("b", 500)}), 1));
  ASSERT_TRUE(engine.index().apply(
      {.id = "g", .node = "n", .slices = {{.uuid = "a", .amounts = {{1, 100, 0}}}}}, 1));
  DeviceDemand alone = asking(1000);
  alone.unused = true;
  const auto near = nearest(engine.index(), *engine.shape(pod_of(alone)));
  ASSERT_FALSE(near.empty());
  EXPECT_EQ(near.front().rule, Rule::kDeviceMemory);
  EXPECT_EQ(near.front().fits, 500);
}

}  // namespace
}  // namespace melon::placement

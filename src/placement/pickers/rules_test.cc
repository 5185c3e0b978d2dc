// SPDX-License-Identifier: Apache-2.0
// Conditions on one device and scores of nodes: the acceptance rows that concern them, by their
// ids.
#include <gtest/gtest.h>

#include "placement/pickers/device_rules.h"
#include "placement/pickers/groups.h"
#include "placement/pickers/node_scores.h"

namespace melon::placement::pickers {
namespace {

using vendors::AppClass;
using vendors::Demand;
using vendors::Qos;

TEST(UniformSlice, KunlunxinRows) {
  EXPECT_TRUE(uniform_slice({}, MiB(49152)));
  const DeviceUse one{.slots = 1, .memory = MiB(49152)};
  EXPECT_FALSE(uniform_slice(one, MiB(24576))) << "K7";
  EXPECT_TRUE(uniform_slice(one, MiB(49152))) << "K7: 40000 becomes 49152";
}

TEST(QosEqual, MetaxRows) {
  const DeviceUse best_effort{.slots = 1, .qos = Qos::kBestEffort};
  EXPECT_FALSE(qos_equal(best_effort, {.compute = 30, .qos = Qos::kFixedShare}, 100)) << "X3";
  EXPECT_TRUE(qos_equal(best_effort, {.compute = 100, .qos = Qos::kFixedShare}, 100)) << "X3";
  const DeviceUse chosen{.slots = 1, .qos = Qos::kFixedShare};
  EXPECT_TRUE(qos_equal(chosen, {.compute = 30, .qos = Qos::kFixedShare}, 100)) << "X4";
  EXPECT_FALSE(qos_equal(chosen, {.compute = 30, .qos = Qos::kBestEffort}, 100)) << "X4";
  const DeviceUse idle{.slots = 0, .qos = Qos::kBestEffort};
  EXPECT_TRUE(qos_equal(idle, {.compute = 30, .qos = Qos::kFixedShare}, 100));
  const Demand online{.compute = 0, .qos = Qos::kBurstShare, .app_class = AppClass::kOnline};
  EXPECT_TRUE(qos_equal(best_effort, online, 100));
}

TEST(AppClassRule, MetaxRows) {
  const DeviceUse offline{.slots = 1, .offline = 1};
  const DeviceUse online{.slots = 1, .online = 1};
  const DeviceUse normal{.slots = 1};
  EXPECT_TRUE(app_class(offline, {.app_class = AppClass::kOnline})) << "X5";
  EXPECT_FALSE(app_class(online, {.app_class = AppClass::kOffline})) << "X5";
  EXPECT_TRUE(app_class(offline, {.app_class = AppClass::kOffline}));
  EXPECT_FALSE(app_class(normal, {.app_class = AppClass::kOnline}));
  EXPECT_FALSE(app_class(normal, {.app_class = AppClass::kOffline}));
  EXPECT_FALSE(app_class(offline, {}));
  EXPECT_TRUE(app_class(normal, {}));
}

TEST(DeviceRules, TheOthers) {
  EXPECT_TRUE(idle_only({}));
  EXPECT_FALSE(idle_only({.slots = 1})) << "E8: a used card is left out";
  constexpr std::int64_t kPlaced[] = {3};
  EXPECT_TRUE(same_device_per_pod(kPlaced, 3)) << "M6";
  EXPECT_FALSE(same_device_per_pod(kPlaced, 4)) << "M6";
  EXPECT_TRUE(same_device_per_pod({}, 4));
  const DeviceUse busy_card[] = {{}, {.slots = 1}};
  const DeviceUse idle_card[] = {{}, {}};
  EXPECT_FALSE(member_mutex(busy_card)) << "V4";
  EXPECT_TRUE(member_mutex(idle_card)) << "V4";
}

TEST(NodeScores, GroupShare) {
  const std::vector<std::int64_t> all_in_one = {1, 1, 1, 1};
  EXPECT_DOUBLE_EQ(group_share(all_in_one, 10), 10) << "A6";
  const std::vector<std::int64_t> split = {0, 0, 0, 0, 1, 1};
  EXPECT_DOUBLE_EQ(group_share(split, 1), 4.0 / 6) << "V3";
  EXPECT_DOUBLE_EQ(group_share({}, 1), 0);
  const std::vector<std::int64_t> none = {kNoGroup, kNoGroup};
  EXPECT_DOUBLE_EQ(group_share(none, 1), 0);
}

TEST(NodeScores, MetaxTables) {
  EXPECT_DOUBLE_EQ(annotation_table({{4, 30}}, 4), 1970) << "X8";
  EXPECT_DOUBLE_EQ(annotation_table({{4, 500}}, 4), 1500) << "X8";
  EXPECT_DOUBLE_EQ(annotation_table({{4, 500}}, 3), 0);
}

TEST(NodeScores, Bubbles) {
  const std::vector<std::size_t> idle;
  const std::vector<std::size_t> left = {0, 1, 2, 3};
  const std::vector<std::size_t> right = {4, 5, 6, 7};
  EXPECT_DOUBLE_EQ(bubble_score(idle, left, 4, true), 2000) << "K8: node A";
  EXPECT_DOUBLE_EQ(bubble_score(left, right, 4, true), 2000) << "K8: node B";
  EXPECT_DOUBLE_EQ(bubble_score(left, right, 4, false), 3000) << "the last wing is filled";
  const std::vector<std::size_t> one = {0};
  EXPECT_DOUBLE_EQ(bubble_score(idle, one, 4, true), 0) << "T123: two bubbles more";
  const std::vector<std::size_t> two = {0, 1};
  EXPECT_DOUBLE_EQ(bubble_score(idle, two, 4, true), 1000) << "T123: one more";
  const std::vector<std::size_t> three_of_left = {0, 1, 2};
  const std::vector<std::size_t> last_of_left = {3};
  EXPECT_DOUBLE_EQ(bubble_score(three_of_left, last_of_left, 4, false), 3000) << "T123: one less";
}

TEST(NodeScores, LinkZones) {
  const std::vector<std::int64_t> available = {1, 1, 1, 1, 2, 2};
  const std::vector<std::int64_t> picked = {2, 2};
  const std::vector<std::int64_t> rest = {1, 1, 1, 1};
  EXPECT_EQ(link_zone(available, picked, rest), 100) << "X6";
  EXPECT_DOUBLE_EQ(policy_neutral(60, false), 600'000) << "T125";
  EXPECT_DOUBLE_EQ(policy_neutral(60, true), -600'000) << "T125";
}

TEST(NodeScores, OnlinePods) {
  const DeviceUse mixed[] = {{.slots = 3, .online = 1, .offline = 2}};
  EXPECT_EQ(online_score(mixed), -24);
  const DeviceUse offline_alone[] = {{.slots = 2, .offline = 2}};
  EXPECT_EQ(online_score(offline_alone), -200);
}

}  // namespace
}  // namespace melon::placement::pickers

// SPDX-License-Identifier: Apache-2.0
// Replays made by hand.
#include "simulate/replay.h"

#include <gtest/gtest.h>

namespace melon::simulate {
namespace {

using placement::find_policy;

Trace two_nodes() {
  Trace trace;
  trace.nodes = *read_nodes({"n", "sn,cpu_milli,memory_mib,gpu,model\na,10,10,1,M\nb,10,10,2,M\n"});
  trace.pods = *read_pods({"p",
                           "name,cpu_milli,memory_mib,num_gpu,gpu_milli\n"
                           "half,1,1,1,500\ntwo,1,1,2,1000\nbig,99,1,1,100\n"});
  return trace;
}

TEST(Replay, PlacesRejectsAndCounts) {
  const Trace trace = two_nodes();
  std::vector<TraceDecision> decisions;
  const auto curve = replay(trace, {.pods = {1, 2, 0, 0, 0}, .ranks = {0, 1}},
                            {.policy = find_policy("binpack"),
                             .on_decision = [&](const auto& d) { decisions.push_back(d); }});
  ASSERT_TRUE(curve);
  ASSERT_EQ(decisions.size(), 5U);
  EXPECT_EQ(decisions[0].node, 1U);
  EXPECT_EQ(decisions[0].cards, (std::vector<std::uint16_t>{0, 1}));
  EXPECT_FALSE(decisions[1].node.has_value());
  EXPECT_EQ(decisions[2].node, 0U);
  EXPECT_EQ(decisions[3].node, 0U);
  EXPECT_FALSE(decisions[4].node.has_value());
  EXPECT_EQ(curve->rejected, 2);
  EXPECT_NEAR(*curve->first_reject, 70.0, 0.01);  // 2100 of 3000
  EXPECT_NEAR(curve->levels.rbegin()->second.allocated, 100.0, 0.01);
}

TEST(Replay, EveryWholePercentHasALevel) {
  const auto curve =
      replay(two_nodes(), {.pods = {1, 0, 0}, .ranks = {0, 1}}, {.policy = find_policy("binpack")});
  ASSERT_TRUE(curve);
  // 2000, 500 and 500 of 3000: at 67, 83 and 100 percent.
  ASSERT_EQ(curve->levels.size(), 101U);
  EXPECT_EQ(curve->levels.at(0).allocated, 0.0);
  EXPECT_EQ(curve->levels.at(66).allocated, 0.0);
  EXPECT_NEAR(curve->levels.at(67).allocated, 66.67, 0.01);
  EXPECT_NEAR(curve->levels.at(82).allocated, 66.67, 0.01);
  EXPECT_NEAR(curve->levels.at(99).allocated, 83.33, 0.01);
}

TEST(Replay, WithoutTargetsOrNodesNothingBreaks) {
  Trace trace = two_nodes();
  trace.nodes.clear();
  const auto empty = replay(trace, {.pods = {0, 1}, .ranks = {}}, {.policy = find_policy("fgd")});
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->rejected, 2);
  const auto nothing =
      replay(two_nodes(), {.pods = {}, .ranks = {0, 1}}, {.policy = find_policy("spread")});
  EXPECT_TRUE(nothing->levels.empty());
}

}  // namespace
}  // namespace melon::simulate

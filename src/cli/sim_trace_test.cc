// SPDX-License-Identifier: Apache-2.0
// Whole published runs through the engine, one seed each.
#include <gtest/gtest.h>

#include "os/text_file.h"
#include "simulate/replay.h"

namespace melon::simulate {
namespace {

using placement::find_policy;

std::string text_of(const std::string& file) {
  return os::read_text_file(std::string(MELON_TRACES) + "/" + file).value();
}

Trace published(const std::string& name) {
  const std::string nodes = text_of("nodes.csv");
  const std::string pods = text_of("pods_" + name + ".csv.gz");
  return {.nodes = *read_nodes({"nodes.csv", nodes}), .pods = *read_pods({"pods.csv", pods})};
}

std::map<std::uint64_t, Arrivals> stored(const std::string& name, const Trace& trace) {
  return *read_arrivals({"arrivals", text_of("arrivals_" + name + ".txt.gz")}, trace);
}

TEST(PublishedTraces, ThePublishedAlgorithmDecidesAsPublished) {
  const Trace trace = published("default");
  const auto arrivals = stored("default", trace);
  ASSERT_EQ(arrivals.size(), 10U);
  const auto curve = replay(trace, arrivals.at(42), {.policy = find_policy("fgd")});
  ASSERT_TRUE(curve);
  EXPECT_EQ(curve->arrived, 10866);
  EXPECT_NEAR(*curve->first_reject, 94.9, 0.05);
  EXPECT_NEAR(curve->levels.at(50).fragmented_idle, 17.9, 0.2);
  EXPECT_NEAR(curve->levels.at(80).fragmented_idle, 29.9, 0.2);
  EXPECT_NEAR(curve->levels.at(100).allocated, 95.23, 0.25);  // the published spread is 0.10
  EXPECT_NEAR(curve->levels.at(0).fragmented_cluster, 13.9, 0.1);
}

TEST(PublishedTraces, SplittingRescuesTasks) {
  const Trace trace = published("default");
  const Arrivals arrivals = stored("default", trace).at(42);
  bool splits = false;
  const auto curve = replay(
      trace, arrivals,
      {.policy = find_policy("fragmentation"),
       .split = placement::SplitRule{.most_pieces = 4, .least_permille = 100},
       .on_decision = [&](const TraceDecision& decision) {
         splits = splits || (trace.pods[decision.pod].cards == 1 && decision.cards.size() > 1);
         EXPECT_LE(decision.cards.size(), 8U);
       }});
  EXPECT_TRUE(splits);
  EXPECT_GT(curve->levels.at(130).allocated, 96.5);
}

TEST(PublishedTraces, TheDefaultIsNotWorseThanThePublishedAlgorithmWhereTasksAreBoundToModels) {
  const Trace trace = published("gpuspec33");
  const Arrivals arrivals = stored("gpuspec33", trace).at(42);
  const auto fgd = replay(trace, arrivals, {.policy = find_policy("fgd")});
  const auto own = replay(trace, arrivals, {.policy = find_policy("fragmentation")});
  for (const int percent : {80, 100, 130})
    EXPECT_GT(own->levels.at(percent).allocated, fgd->levels.at(percent).allocated - 0.3);
}

TEST(PublishedTraces, SameInputSameDecisionsUnderEveryPolicy) {
  Trace trace = published("multigpu20");
  trace.nodes.resize(60);
  Arrivals arrivals = make_arrivals(trace, 5, 130);
  arrivals.pods.resize(600);
  for (const placement::Policy& policy : placement::policies()) {
    std::string runs[2];
    for (std::string& run : runs)
      ASSERT_TRUE(replay(trace, arrivals,
                         {.policy = &policy, .seed = 3, .on_decision = [&](const TraceDecision& d) {
                            run += std::to_string(d.node.value_or(9999)) +
                                   (d.cards.empty() ? "-" : std::to_string(d.cards[0])) + " ";
                          }}));
    EXPECT_EQ(runs[0], runs[1]) << policy.name;
  }
}

}  // namespace
}  // namespace melon::simulate

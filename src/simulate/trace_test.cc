// SPDX-License-Identifier: Apache-2.0
// Reading traces: what is accepted, and where and why the rest is refused.
#include "simulate/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "simulate/arrivals.h"

namespace melon::simulate {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kNodes =
    "sn,cpu_milli,memory_mib,gpu,model\n"
    "a,64000,262144,2,P100\n"
    "b,96000,393216,8,\"V100\"\n";
constexpr std::string_view kPodHeader = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n";

std::string node_error(std::string_view text) {
  const auto nodes = read_nodes({"n.csv", text});
  if (nodes) return "accepted";
  EXPECT_EQ(nodes.error().code, Code::kInvalidArgument);
  EXPECT_FALSE(nodes.error().remedy.empty()) << nodes.error().message;
  return nodes.error().message;
}

std::string pod_error(const std::string& line) {
  const std::string text = std::string(kPodHeader) + line;
  const auto pods = read_pods({"p.csv", text});
  return pods ? "accepted" : pods.error().message;
}

TEST(Trace, ReadsNodesAndPods) {
  const auto nodes = read_nodes({"n.csv", kNodes});
  ASSERT_TRUE(nodes);
  ASSERT_EQ(nodes->size(), 2U);
  EXPECT_EQ(nodes->at(1).devices.size(), 8U);
  EXPECT_EQ(nodes->at(1).devices.at(0).type, "V100");
  EXPECT_EQ(gpu_milli_of(*nodes), 10'000);
  const auto pods = read_pods(
      {"p.csv", "name,cpu_milli,memory_mib,num_gpu,gpu_milli\r\nx,1000,10,1,460\r\ny,1,1,0,0\r\n"});
  ASSERT_TRUE(pods);
  EXPECT_EQ(pods->at(0).gpu_milli(), 460);
  EXPECT_EQ(pods->at(1).gpu_milli(), 0);
}

TEST(Trace, SaysFileLineAndColumn) {
  EXPECT_THAT(node_error(""), HasSubstr("n.csv:1:1: the file is empty"));
  EXPECT_THAT(node_error("sn,cpu_milli,memory_mib,gpu,model\n\n"),
              HasSubstr("n.csv:1:1: nothing stands below the names"));
  EXPECT_THAT(pod_error(""), HasSubstr("p.csv:1:1: nothing stands below"));
  EXPECT_THAT(node_error("sn,cpu_milli,memory_mib,gpu\n"),
              HasSubstr("n.csv:1:1: there is no column 'model'"));
  EXPECT_THAT(node_error("sn,cpu_milli,memory_mib,gpu,model\na,1,2,3\n"),
              HasSubstr("n.csv:2:7: 4 fields"));
  EXPECT_THAT(node_error("sn,cpu_milli,memory_mib,gpu,model\na,1,x,3,M\n"),
              HasSubstr("n.csv:2:5: memory_mib 'x': not a whole number"));
  EXPECT_THAT(node_error("sn,cpu_milli,memory_mib,gpu,model\na,9223372036854775808,1,3,M\n"),
              HasSubstr("n.csv:2:3: cpu_milli"));
  EXPECT_THAT(node_error("sn,cpu_milli,memory_mib,gpu,model\na,-1,1,3,M\n"),
              HasSubstr("not within"));
  EXPECT_THAT(node_error("sn,cpu_milli,memory_mib,gpu,model\na,1,1,3,M\na,1,1,3,M\n"),
              HasSubstr("n.csv:3:1: sn 'a'"));
  EXPECT_THAT(node_error("sn,cpu_milli,memory_mib,gpu,model\na,1,1,3,\"M\n"),
              HasSubstr("n.csv:2:9: a quote"));
  EXPECT_THAT(node_error("sn,cpu_milli,memory_mib,gpu,model\na,1,1,3,M\"x\n"),
              HasSubstr("n.csv:2:10: a quote"));
  EXPECT_THAT(node_error("sn,cpu_milli,memory_mib,gpu,model\n\"a\"b,1,1,3,M\n"),
              HasSubstr("n.csv:2:4: text"));
  EXPECT_THAT(pod_error("x,1,1,1,0,\n"), HasSubstr("p.csv:2:9: gpu_milli"));
  EXPECT_THAT(pod_error("x,1,1,1,1001,\n"), HasSubstr("not within 0 to 1000"));
  EXPECT_THAT(pod_error("x,1,1,201,1000,\n"), HasSubstr("p.csv:2:7: num_gpu"));
}

TEST(Trace, TargetsAreTheMostFrequentShapesByWeight) {
  std::vector<TracePod> pods(60, {.cpu_milli = 1, .cards = 1, .card_milli = 500});
  pods.insert(pods.end(), 36, {.cpu_milli = 2});
  pods.insert(pods.end(), 4, {.cpu_milli = 3});
  const auto targets = target_shapes(pods);
  ASSERT_EQ(targets.size(), 2U);  // 96 of 100
  EXPECT_EQ(targets[0].weight, 60);
  EXPECT_EQ(targets[0].devices->each[placement::kCompute], 500);
  EXPECT_FALSE(targets[1].devices.has_value());
}

Trace small_trace() {
  Trace trace;
  trace.nodes = *read_nodes({"n.csv", kNodes});
  trace.pods =
      *read_pods({"p.csv", std::string(kPodHeader) + "x,1,1,1,460,\ny,1,1,8,1000,P100|V100\n"});
  return trace;
}

TEST(Arrivals, ReadsStoredOrders) {
  const Trace trace = small_trace();
  const auto seeds = read_arrivals({"a.txt", "42 P 1 0 1\n42 N 1 0\n"}, trace);
  ASSERT_TRUE(seeds);
  EXPECT_EQ(seeds->at(42).pods, (std::vector<std::uint32_t>{1, 0, 1}));
  const auto message = [&trace](std::string_view text) {
    const auto read = read_arrivals({"a.txt", text}, trace);
    return read ? std::string("accepted") : read.error().message;
  };
  EXPECT_THAT(message("42 P 2\n"), HasSubstr("a.txt:1:6: '2'"));
  EXPECT_THAT(message("42 N 1\n"), HasSubstr("1 ranks for 2 nodes"));
  EXPECT_THAT(message("42 X 1\n"), HasSubstr("a.txt:1:4"));
  EXPECT_THAT(message("42 P 1\n42 P 1\n"), HasSubstr("a.txt:2:4: a second line"));
  EXPECT_THAT(message("42 P 1\n"), HasSubstr("no line of node ranks"));
  EXPECT_THAT(message("42 N 1 0\n"), HasSubstr("no line of tasks"));
  EXPECT_THAT(message("42 P\n42 N 1 0\n"), HasSubstr("no task arrives with seed 42"));
  EXPECT_THAT(message("42 P 1\n42 N 1 1\n"), HasSubstr("a.txt:2:8: two nodes have the rank 1"));
  for (const std::string_view empty : {"", "\n\n"})
    EXPECT_THAT(message(empty), HasSubstr("a.txt: no arrivals in it"));
}

TEST(Arrivals, ASeedIsAlwaysTheSame) {
  const Trace trace = small_trace();
  const Arrivals once = make_arrivals(trace, 7, 500);
  const Arrivals twice = make_arrivals(trace, 7, 500);
  EXPECT_EQ(once.pods, twice.pods);
  EXPECT_EQ(once.ranks, twice.ranks);
  EXPECT_GT(once.pods.size(), trace.pods.size());
  std::int64_t asked = 0;
  for (const std::uint32_t pod : once.pods) asked += trace.pods[pod].gpu_milli();
  EXPECT_LE(asked, 50'000);
}

RC_GTEST_PROP(Trace, AnyTextIsReadOrRefused, (const std::string& text)) {
  const std::string rows = "sn,cpu_milli,memory_mib,gpu,model\n" + text;
  const auto nodes = read_nodes({"n.csv", rows});
  if (!nodes) RC_ASSERT(nodes.error().message.starts_with("n.csv:"));
}

}  // namespace
}  // namespace melon::simulate

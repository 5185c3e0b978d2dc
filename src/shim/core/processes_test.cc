// SPDX-License-Identifier: Apache-2.0
// A grant has its rights once, however many processes it starts.

#include <gtest/gtest.h>
#include <algorithm>
#include <numeric>
#include <string>
#include <tuple>

#include "shim/core/simulated_device.h"

namespace melon::shim {
namespace {

using abi::Priority;
using abi::Share;
using Sharing = SimulatedDevice::Sharing;

constexpr unsigned kProcesses = 4;

using Case = std::tuple<Sharing, Nanoseconds>;  // the device, and the length of kernels

std::string name_of_case(const testing::TestParamInfo<Case>& param) {
  return std::string(name_of(std::get<0>(param.param))) +
         std::to_string(std::get<1>(param.param) / kMicrosecond) + "us";
}

constexpr Sharing kAll[] = {Sharing::kProcessor, Sharing::kSliced, Sharing::kInTurn};

/// A grant's first processes on the device, all alike.
void start_many(SimulatedDevice& device, unsigned processes, const SimulatedProgram& program) {
  for (unsigned i = 0; i < processes; ++i) device.start(program);
}

double sum_of(const std::vector<double>& shares, unsigned first) {
  return std::accumulate(shares.begin(), shares.begin() + first, 0.0);
}

void add_low_and_high(TestGrants& grants) {
  grants.add("low", {.share = Share::kWeighted, .priority = Priority::kLow});
  grants.add("high", {.share = Share::kWeighted, .priority = Priority::kHigh});
}

class OnePercent : public testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(Devices, OnePercent,
                         testing::Combine(testing::ValuesIn(kAll),
                                          testing::Values(200 * kMicrosecond, 2 * kMillisecond)),
                         name_of_case);

TEST_P(OnePercent, IsOfAllProcessesOfALowGrantTogether) {
  const auto [sharing, kernel] = GetParam();
  TestGrants grants;
  add_low_and_high(grants);
  SimulatedDevice device(grants, sharing);
  start_many(device, kProcesses, {.grant = "low", .kernels = {kernel}});
  device.start({.grant = "high", .kernels = {kMillisecond}});
  device.run_for(kSecond);
  const double low = sum_of(shares_over(device, kProcesses, 3 * kSecond), kProcesses);
  EXPECT_GE(low, 0.9);
  EXPECT_LE(low, 2);
}

class OneInFlight : public testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(Devices, OneInFlight,
                         testing::Combine(testing::Values(Sharing::kSliced, Sharing::kInTurn),
                                          testing::Values(100 * kMicrosecond, 2 * kMillisecond)),
                         name_of_case);

TEST_P(OneInFlight, HoldsForAllProcessesOfALowGrantTogether) {
  const auto [sharing, kernel] = GetParam();
  TestGrants grants;
  add_low_and_high(grants);
  SimulatedDevice device(grants, sharing);
  start_many(device, kProcesses, {.grant = "low", .kernels = {kernel}});
  const unsigned high = device.start({.grant = "high",
                                      .kernels = {kMillisecond},
                                      .synchronous = true,
                                      .think = 47 * kMillisecond,
                                      .active_from = device.now() + kSecond});
  device.run_for(kSecond);
  const auto shares = shares_over(device, kProcesses, 2 * kSecond);
  const auto& latencies = device.latencies(high);
  ASSERT_GT(latencies.size(), 35u);
  EXPECT_LE(*std::max_element(latencies.begin(), latencies.end()),
            std::max(kernel, kMillisecond) + kMillisecond / 2);
  EXPECT_GT(sum_of(shares, kProcesses), 75) << "the low ones have what is left";
  EXPECT_GT(*std::min_element(shares.begin(), shares.end()), 10) << "and each has its turn";
}

class ManyByWeight : public testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(Devices, ManyByWeight,
                         testing::Combine(testing::ValuesIn(kAll),
                                          testing::Values(200 * kMicrosecond, 2 * kMillisecond)),
                         name_of_case);

TEST_P(ManyByWeight, GetTheirGrantsShare) {
  const auto [sharing, kernel] = GetParam();
  for (const unsigned processes : {kProcesses, 2 * kProcesses}) {
    TestGrants grants;
    grants.add("small", {.share = Share::kWeighted, .weight = 100});
    grants.add("large", {.share = Share::kWeighted, .weight = 500});
    SimulatedDevice device(grants, sharing);
    start_many(device, processes, {.grant = "small", .kernels = {kernel}});
    device.start({.grant = "large", .kernels = {kernel}});
    device.run_for(kSecond / 4);
    const auto shares = shares_over(device, processes + 1, kSecond);
    EXPECT_NEAR(sum_of(shares, processes), 100.0 / 6, 2) << processes;
    EXPECT_GT(sum_of(shares, processes + 1), 97) << "the device stays busy";
  }
}

/// Stopped or killed with work in flight, or held: the grant's other processes go on, although
/// nobody reaps here.
TEST(LowGrant, AProcessThatIsGoneHoldsTheOthersUpForAMoment) {
  for (const bool held : {false, true}) {
    TestGrants grants;
    add_low_and_high(grants);
    SimulatedDevice device(grants, Sharing::kInTurn);
    start_many(device, 2, {.grant = "low", .kernels = {2 * kMillisecond}});
    device.run_for(300 * kMillisecond);
    const auto in_flight = [&] { return device.launched(0) > device.finished(0); };
    while (in_flight() == held) device.run_for(50 * kMicrosecond);
    device.stop(0, kNever);
    device.run_for(held ? 50 * kMillisecond : 210 * kMillisecond);
    EXPECT_GT(share_over(device, 1, 200 * kMillisecond), 85) << held;
  }
}

}  // namespace
}  // namespace melon::shim

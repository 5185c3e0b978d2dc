// SPDX-License-Identifier: Apache-2.0
// Several tenants on one simulated device: weights, guarantees, priorities.

#include <gtest/gtest.h>
#include <algorithm>
#include <fstream>
#include <numeric>

#include "shim/core/simulated_device.h"

namespace melon::shim {
namespace {

using abi::Priority;
using abi::Share;
using Sharing = SimulatedDevice::Sharing;

Nanoseconds quantile(std::vector<Nanoseconds> values, double q) {
  if (values.empty()) return kNever;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

class Sharers : public testing::TestWithParam<Sharing> {
 protected:
  TestGrants grants_;
};

INSTANTIATE_TEST_SUITE_P(Devices, Sharers,
                         testing::Values(Sharing::kProcessor, Sharing::kSliced, Sharing::kInTurn),
                         [](const auto& param) { return name_of(param.param); });

constexpr Nanoseconds kKernels[] = {20 * kMicrosecond, 100 * kMicrosecond, 2 * kMillisecond,
                                    10 * kMillisecond};

/// Spans of a time-sliced device show what a kernel costs alone only while some of them fit into a
/// slice; two tenants with longer kernels stretch each other always.
bool costs_show(Sharing sharing, const std::vector<Nanoseconds>& kernels) {
  if (sharing != Sharing::kSliced) return true;
  return std::all_of(kernels.begin(), kernels.end(),
                     [](Nanoseconds kernel) { return kernel <= 2 * kMillisecond; });
}

TEST_P(Sharers, ProcessesOfOneGrantShareItsLimit) {
  for (const unsigned processes : {2u, 4u}) {
    for (const Nanoseconds kernel : kKernels) {
      TestGrants grants;
      grants.add("g", {.compute_permille = 200});
      SimulatedDevice device(grants, GetParam());
      for (unsigned i = 0; i < processes; ++i) device.start({.grant = "g", .kernels = {kernel}});
      device.run_for(kSecond);
      const auto shares = shares_over(device, processes, 10 * kSecond);
      EXPECT_NEAR(std::accumulate(shares.begin(), shares.end(), 0.0), 20, 2) << kernel;
      EXPECT_GT(*std::min_element(shares.begin(), shares.end()), 10.0 / processes) << kernel;
    }
  }
}

TEST_P(Sharers, HardLimitsSideBySide) {
  for (const Nanoseconds kernel : kKernels) {
    if (!costs_show(GetParam(), {kernel})) continue;
    TestGrants grants;
    grants.add("a", {.compute_permille = 300});
    grants.add("b", {.compute_permille = 600});
    SimulatedDevice device(grants, GetParam());
    device.start({.grant = "a", .kernels = {kernel}});
    device.start({.grant = "b", .kernels = {kernel}});
    device.run_for(kSecond);
    const auto shares = shares_over(device, 2, 10 * kSecond);
    EXPECT_NEAR(shares[0], 30, 2) << kernel;
    EXPECT_NEAR(shares[1], 60, 2) << kernel;
  }
}

/// Where costs do not show, a tenant is charged for its rivals' slices too: never more than its
/// share, and how much less is what the decision record says (docs/adr/0003).
TEST(SlicedDevice, LongKernelsSideBySideGetNoMoreThanTheirShare) {
  for (const Nanoseconds kernel : {5 * kMillisecond, 10 * kMillisecond, 50 * kMillisecond}) {
    TestGrants grants;
    grants.add("a", {.compute_permille = 300});
    grants.add("b", {.compute_permille = 600});
    SimulatedDevice device(grants, Sharing::kSliced);
    device.start({.grant = "a", .kernels = {kernel}});
    device.start({.grant = "b", .kernels = {kernel}});
    device.run_for(kSecond);
    const auto shares = shares_over(device, 2, 10 * kSecond);
    EXPECT_LE(shares[0], 32) << kernel;
    EXPECT_GE(shares[0], 18) << kernel;
    EXPECT_NEAR(shares[1], 60, 2) << kernel;
  }
}

TEST(SlicedDevice, LongKernelsMakeWeightsCoarse) {
  const struct {
    unsigned weights[2];
    Nanoseconds kernels[2];
  } cases[] = {{{100, 200}, {10 * kMillisecond, 10 * kMillisecond}},
               {{30, 70}, {5 * kMillisecond, 5 * kMillisecond}},
               {{10, 90}, {20 * kMicrosecond, 10 * kMillisecond}},
               {{90, 10}, {20 * kMicrosecond, 10 * kMillisecond}}};
  for (const auto& c : cases) {
    TestGrants grants;
    grants.add("a", {.share = Share::kWeighted, .weight = c.weights[0]});
    grants.add("b", {.share = Share::kWeighted, .weight = c.weights[1]});
    SimulatedDevice device(grants, Sharing::kSliced);
    device.start({.grant = "a", .kernels = {c.kernels[0]}});
    device.start({.grant = "b", .kernels = {c.kernels[1]}});
    device.run_for(kSecond);
    const auto shares = shares_over(device, 2, 10 * kSecond);
    const double asked = 100.0 * c.weights[0] / (c.weights[0] + c.weights[1]);
    EXPECT_NEAR(shares[0], asked, 13) << c.weights[0];
    EXPECT_GT(shares[0] + shares[1], 97) << "the device stays busy";
  }
}

struct WeightCase {
  std::vector<unsigned> weights;
  std::vector<Nanoseconds> kernels;
};

TEST_P(Sharers, SaturatingTenantsDivideByWeight) {
  const WeightCase cases[] = {
      {{100, 200}, {100 * kMicrosecond, 100 * kMicrosecond}},
      {{100, 200}, {2 * kMillisecond, 2 * kMillisecond}},
      {{100, 200}, {10 * kMillisecond, 10 * kMillisecond}},
      {{10, 90}, {20 * kMicrosecond, 10 * kMillisecond}},
      {{90, 10}, {20 * kMicrosecond, 10 * kMillisecond}},
      {{30, 70}, {5 * kMillisecond, 5 * kMillisecond}},
      {{100, 200, 500}, {100 * kMicrosecond, 500 * kMicrosecond, 2 * kMillisecond}},
      {{100, 200, 500}, {5 * kMillisecond, 5 * kMillisecond, 5 * kMillisecond}},
  };
  for (const WeightCase& c : cases) {
    if (!costs_show(GetParam(), c.kernels)) continue;
    TestGrants grants;
    unsigned total = 0;
    for (const unsigned weight : c.weights) {
      grants.add("w" + std::to_string(weight), {.share = Share::kWeighted, .weight = weight});
      total += weight;
    }
    SimulatedDevice device(grants, GetParam());
    for (std::size_t i = 0; i < c.weights.size(); ++i)
      device.start({.grant = "w" + std::to_string(c.weights[i]), .kernels = {c.kernels[i]}});
    device.run_for(kSecond);
    const auto count = static_cast<unsigned>(c.weights.size());
    const auto shares = shares_over(device, count, 10 * kSecond);
    double sum = 0;
    for (unsigned i = 0; i < count; ++i) {
      EXPECT_NEAR(shares[i], 100.0 * c.weights[i] / total, 2)
          << "weight " << c.weights[i] << " kernel " << c.kernels[i] << " of " << c.weights[0];
      sum += shares[i];
    }
    EXPECT_GT(sum, 97) << "the device stays busy";
  }
}

/// On a loaded machine threads wake late; a tenant that is about to launch keeps its place.
TEST_P(Sharers, LateWakeUpsDoNotCostAShare) {
  grants_.add("small", {.share = Share::kWeighted, .weight = 30});
  grants_.add("large", {.share = Share::kWeighted, .weight = 70});
  SimulatedDevice device(grants_, GetParam());
  for (const char* const grant : {"small", "large"})
    device.start({.grant = grant, .kernels = {2 * kMillisecond}, .wake_late = 8 * kMillisecond});
  device.run_for(kSecond);
  const auto shares = shares_over(device, 2, 10 * kSecond);
  EXPECT_NEAR(100 * shares[0] / (shares[0] + shares[1]), 30, 4);
}

/// Programs that nobody manages take their part of a CPU; what is left is divided by weight, less
/// exactly than without them: the figures vary by several points with the length of the kernels.
TEST(Weights, HoldBesideForeignLoad) {
  TestGrants grants;
  for (const unsigned weight : {100u, 200u, 500u})
    grants.add("w" + std::to_string(weight), {.share = Share::kWeighted, .weight = weight});
  SimulatedDevice device(grants, Sharing::kProcessor);
  for (const char* const grant : {"w100", "w200", "w500"})
    device.start({.grant = grant, .kernels = {2 * kMillisecond}});
  for (int i = 0; i < 9; ++i) device.start({.grant = "", .kernels = {2 * kMillisecond}});
  device.run_for(kSecond);
  const auto shares = shares_over(device, 3, 10 * kSecond);
  const double sum = shares[0] + shares[1] + shares[2];
  EXPECT_NEAR(100 * shares[0] / sum, 12.5, 6);
  EXPECT_NEAR(100 * shares[1] / sum, 25, 8);
  EXPECT_NEAR(100 * shares[2] / sum, 62.5, 12);
}

TEST_P(Sharers, WhoIdlesLeavesTheDeviceAndReturnsToItsShare) {
  grants_.add("small", {.share = Share::kWeighted, .weight = 100});
  grants_.add("large", {.share = Share::kWeighted, .weight = 200});
  SimulatedDevice device(grants_, GetParam());
  device.start({.grant = "small", .kernels = {kMillisecond}});
  device.start({.grant = "large",
                .kernels = {kMillisecond},
                .depth = 8,
                .period = 4 * kSecond,
                .on = 2 * kSecond});
  device.run_for(kSecond);
  EXPECT_NEAR(shares_over(device, 2, kSecond)[0], 33.3, 2);
  device.run_for(50 * kMillisecond);
  EXPECT_GE(shares_over(device, 2, 1900 * kMillisecond)[0], 97);
  device.run_for(100 * kMillisecond);  // it came back 50 ms ago
  const auto shares = shares_over(device, 2, kSecond);
  EXPECT_NEAR(shares[0], 33.3, 2);
  EXPECT_NEAR(shares[1], 66.7, 2);
}

TEST_P(Sharers, IdlenessEarnsNoCreditAndRunningAloneCostsNone) {
  grants_.add("a", {.share = Share::kWeighted, .weight = 100});
  grants_.add("b", {.share = Share::kWeighted, .weight = 100});
  SimulatedDevice device(grants_, GetParam());
  device.start({.grant = "a", .kernels = {kMillisecond}});
  device.start(
      {.grant = "b", .kernels = {kMillisecond}, .active_from = device.now() + 5 * kSecond});
  device.run_for(5050 * kMillisecond);
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(shares_over(device, 2, 250 * kMillisecond)[0], 50, 3);
}

TEST_P(Sharers, AloneAWeightedTenantIsNotPaced) {
  grants_.add("w", {.share = Share::kWeighted, .weight = 100});
  SimulatedDevice device(grants_, GetParam());
  device.start({.grant = "w", .kernels = {100 * kMicrosecond}});
  EXPECT_FALSE(device.tenant(0).pacing(0));
  EXPECT_GE(shares_over(device, 1, kSecond)[0], 99.5);
}

TEST_P(Sharers, ListedButIdleNeighboursCostNothing) {
  grants_.add("w", {.share = Share::kWeighted, .weight = 100});
  for (int i = 0; i < 5; ++i)
    grants_.add("idle" + std::to_string(i), {.share = Share::kWeighted, .weight = 500});
  for (const Nanoseconds kernel : kKernels) {
    SimulatedDevice device(grants_, GetParam());
    device.start({.grant = "w", .kernels = {kernel}});
    device.run_for(100 * kMillisecond);
    EXPECT_GE(shares_over(device, 1, kSecond)[0], 97) << kernel;
  }
}

TEST_P(Sharers, GuaranteeHoldsAgainstWeights) {
  grants_.add("hard", {.compute_permille = 400});
  grants_.add("rest", {.share = Share::kWeighted, .weight = 1000});
  SimulatedDevice device(grants_, GetParam());
  device.start({.grant = "hard", .kernels = {500 * kMicrosecond}});
  device.start({.grant = "rest", .kernels = {500 * kMicrosecond}});
  device.run_for(kSecond);
  const auto shares = shares_over(device, 2, 10 * kSecond);
  EXPECT_NEAR(shares[0], 40, 2);
  EXPECT_GT(shares[0] + shares[1], 97);
}

TEST_P(Sharers, BurstUsesWhatIsFreeUpToItsCeiling) {
  grants_.add("burst", {.share = Share::kBurst, .compute_permille = 200, .ceiling_permille = 600});
  grants_.add("other", {.share = Share::kWeighted, .weight = 1000});
  SimulatedDevice device(grants_, GetParam());
  device.start({.grant = "burst", .kernels = {500 * kMicrosecond}});
  device.run_for(kSecond);
  EXPECT_NEAR(shares_over(device, 1, 5 * kSecond)[0], 60, 2) << "alone";
  device.start({.grant = "other", .kernels = {500 * kMicrosecond}});
  device.run_for(kSecond);
  const auto shares = shares_over(device, 2, 10 * kSecond);
  EXPECT_GE(shares[0], 20 - 1.5) << "its guarantee";
  EXPECT_LE(shares[0], 40) << "beyond the guarantee the weights (100 to 1000) decide";
  EXPECT_GT(shares[0] + shares[1], 97);
}

// --- priority

TEST_P(Sharers, AHighTenantsFirstKernelStartsSoon) {
  const struct {
    Nanoseconds low_kernel, start_within;
  } cases[] = {{kMillisecond, 5 * kMillisecond}, {100 * kMicrosecond, 2 * kMillisecond}};
  for (const Share share : {Share::kHard, Share::kWeighted}) {
    for (const auto& c : cases) {
      TestGrants grants;
      grants.add("low", {.share = share, .priority = Priority::kLow});
      grants.add("high", {.share = share, .priority = Priority::kHigh});
      SimulatedDevice device(grants, GetParam());
      device.start({.grant = "low", .kernels = {c.low_kernel}});
      // One kernel each 50 ms: each is a first one.
      device.start({.grant = "high",
                    .kernels = {kMillisecond},
                    .synchronous = true,
                    .think = 49 * kMillisecond});
      device.run_for(10 * kSecond);
      auto& latencies = device.latencies(1);
      ASSERT_GT(latencies.size(), 150u);
      EXPECT_LE(quantile(latencies, 0.99), c.start_within) << c.low_kernel;
      const double low = shares_over(device, 2, kSecond)[0];
      EXPECT_GT(low, 80) << "the low one has what is left";
    }
  }
}

TEST_P(Sharers, ASaturatingHighTenantLeavesTheLowOnePercent) {
  grants_.add("low", {.share = Share::kWeighted, .priority = Priority::kLow});
  grants_.add("high", {.share = Share::kWeighted, .priority = Priority::kHigh});
  SimulatedDevice device(grants_, GetParam());
  device.start({.grant = "low", .kernels = {200 * kMicrosecond}});
  const Nanoseconds end = device.now() + 4 * kSecond;
  device.start({.grant = "high", .kernels = {kMillisecond}, .active_until = end});
  device.run_for(500 * kMillisecond);
  const double low = shares_over(device, 2, 3 * kSecond)[0];
  EXPECT_GE(low, 0.9);
  EXPECT_LE(low, 3);
  while (device.finished(1) < device.launched(1) || device.now() < end)
    device.run_for(100 * kMicrosecond);
  device.run_for(5 * kMillisecond);
  EXPECT_GE(shares_over(device, 2, 500 * kMillisecond)[0], 97);
}

TEST_P(Sharers, BesideAHighTenantResponsesStayNearSolo) {
  const auto response = [](Sharing sharing, bool with_low) {
    TestGrants grants;
    grants.add("low", {.share = Share::kWeighted, .priority = Priority::kLow});
    grants.add("high", {.share = Share::kWeighted, .priority = Priority::kHigh});
    SimulatedDevice device(grants, sharing);
    const unsigned high = device.start({.grant = "high",
                                        .kernels = {200 * kMicrosecond},
                                        .synchronous = true,
                                        .period = 4 * kMillisecond,
                                        .on = 2 * kMillisecond});
    if (with_low) device.start({.grant = "low", .kernels = {100 * kMicrosecond}});
    device.run_for(500 * kMillisecond);
    device.responses(high).clear();
    device.run_for(8 * kSecond);
    return static_cast<double>(quantile(device.responses(high), 0.99));
  };
  EXPECT_LE(response(GetParam(), true), response(GetParam(), false) * 1.2);
}

/// On a device that runs one kernel after the other, what is in flight is what is waited for.
TEST(Priority, AFirstKernelWaitsForAtMostOneLongLowKernel) {
  for (const Nanoseconds low_kernel : {2 * kMillisecond, 10 * kMillisecond, 50 * kMillisecond}) {
    TestGrants grants;
    grants.add("low", {.share = Share::kWeighted, .priority = Priority::kLow});
    grants.add("high", {.share = Share::kWeighted, .priority = Priority::kHigh});
    SimulatedDevice device(grants, Sharing::kInTurn);
    device.start({.grant = "low", .kernels = {low_kernel}});
    device.start({.grant = "high",
                  .kernels = {kMillisecond},
                  .synchronous = true,
                  .think = 197 * kMillisecond,
                  .active_from = device.now() + kSecond});
    device.run_for(20 * kSecond);
    ASSERT_GT(device.latencies(1).size(), 80u);
    EXPECT_LE(quantile(device.latencies(1), 1), low_kernel + kMillisecond / 2) << low_kernel;
    EXPECT_GT(shares_over(device, 2, kSecond)[0], 80) << "the low one has what is left";
  }
}

// --- neighbours that lie, and files that are not there

TEST_P(Sharers, AGarbagePageHoldsNobodyUp) {
  grants_.add("a", {.share = Share::kWeighted});
  grants_.add("bad", {.share = Share::kHard, .compute_permille = 500, .priority = Priority::kHigh});
  SimulatedDevice device(grants_, GetParam());
  device.start({.grant = "a", .kernels = {200 * kMicrosecond}});
  for (const char byte : {'\xff', '\x5a', '\0'}) {
    std::ofstream(grants_.page("bad"), std::ios::binary)
        << std::string(sizeof(abi::ArenaPage), byte);
    EXPECT_GE(shares_over(device, 1, 500 * kMillisecond)[0], 95);
  }
  std::filesystem::resize_file(grants_.page("bad"), 3);
  EXPECT_GE(shares_over(device, 1, 500 * kMillisecond)[0], 95);
  std::filesystem::remove(grants_.page("bad"));
  EXPECT_GE(shares_over(device, 1, 500 * kMillisecond)[0], 95);
}

/// Says what it likes in its page, again each millisecond, and uses nothing.
struct Liar {
  bool entitled = false, wants = false;
  std::uint64_t virtual_time = 0;

  void say(const TestGrants& grants, Nanoseconds now) const {
    abi::Region region;
    ASSERT_EQ(abi::open_region(grants.page("liar").c_str(), sizeof(abi::ArenaPage),
                               abi::Access::kReadWrite, region),
              0);
    auto& page = *static_cast<abi::ArenaPage*>(region.address);
    page.magic = abi::kArenaMagic;
    page.version = abi::kVersion;
    page.bytes = sizeof(abi::ArenaPage);
    page.virtual_time = virtual_time;
    if (entitled) page.entitled_until = now + 1900 * kMillisecond;
    if (wants) page.wants_until = now + 1900 * kMillisecond;
    abi::close_region(region);
  }
};

/// The share of the only tenant that works, beside the liar, once patience is at its end.
double share_beside(SimulatedDevice& device, const TestGrants& grants, const Liar& liar) {
  const auto lie_for = [&](Nanoseconds span) {
    for (Nanoseconds i = 0; i < span / kMillisecond; ++i) {
      liar.say(grants, device.now());
      device.run_for(kMillisecond);
    }
  };
  lie_for(2 * kSecond);
  const Nanoseconds before = device.busy(0);
  lie_for(2 * kSecond);
  return 100 * static_cast<double>(device.busy(0) - before) / (2 * kSecond);
}

TEST_P(Sharers, AForgedClaimToASmallGuaranteeHoldsNobodyUpForLong) {
  grants_.add("a", {.share = Share::kWeighted});
  grants_.add("liar", {.share = Share::kBurst, .compute_permille = 1});
  SimulatedDevice device(grants_, GetParam());
  device.start({.grant = "a", .kernels = {200 * kMicrosecond}});
  EXPECT_GE(share_beside(device, grants_, {.entitled = true}), 95);
}

TEST_P(Sharers, AForgedVirtualTimeHoldsNobodyUpForLong) {
  for (const unsigned weight : {100u, 1000u}) {
    TestGrants grants;
    grants.add("a", {.share = Share::kWeighted});
    grants.add("liar", {.share = Share::kWeighted, .weight = weight});
    SimulatedDevice device(grants, GetParam());
    device.start({.grant = "a", .kernels = {200 * kMicrosecond}});
    device.run_for(100 * kMillisecond);
    EXPECT_GE(share_beside(device, grants, {.wants = true}), 95);
  }
}

TEST_P(Sharers, ADeadTenantsClaimsLapse) {
  grants_.add("low", {.share = Share::kWeighted, .priority = Priority::kLow});
  grants_.add("high", {.compute_permille = 900, .priority = Priority::kHigh});
  SimulatedDevice device(grants_, GetParam());
  device.start({.grant = "low", .kernels = {200 * kMicrosecond}});
  device.start({.grant = "high", .kernels = {200 * kMicrosecond}});
  device.run_for(kSecond);
  device.stop(1, kNever);  // never acts again, and gives nothing back
  device.run_for(100 * kMillisecond);
  EXPECT_GE(shares_over(device, 1, 500 * kMillisecond)[0], 95);
}

}  // namespace
}  // namespace melon::shim

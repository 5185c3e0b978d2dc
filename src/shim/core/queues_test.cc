// SPDX-License-Identifier: Apache-2.0
// Programs with several queues, full at once, are held to their limits whatever the device does.

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "shim/core/simulated_device.h"

namespace melon::shim {
namespace {

using abi::Share;
using Sharing = SimulatedDevice::Sharing;

struct Case {
  Sharing sharing;
  unsigned queues, threads;
};

std::string name_of_case(const testing::TestParamInfo<Case>& param) {
  const Case& c = param.param;
  return std::string(name_of(c.sharing)) + std::to_string(c.queues) + "Queues" +
         std::to_string(c.threads) + "Threads";
}

std::vector<Case> cases(const std::vector<unsigned>& threads) {
  std::vector<Case> all;
  for (const Sharing sharing : {Sharing::kProcessor, Sharing::kSliced, Sharing::kInTurn})
    for (const unsigned queues : {1u, 2u, 4u, 8u})
      for (const unsigned of : threads)
        if (queues % of == 0) all.push_back({sharing, queues, of});
  return all;
}

/// 20 us to 3 ms, also mixed.
const std::vector<std::vector<Nanoseconds>>& kernels() {
  static const std::vector<std::vector<Nanoseconds>> kAll = {
      {20 * kMicrosecond},
      {100 * kMicrosecond},
      {2 * kMillisecond},
      {20 * kMicrosecond, 3 * kMillisecond, 150 * kMicrosecond, 50 * kMicrosecond},
  };
  return kAll;
}

class FullQueues : public testing::TestWithParam<Case> {};

TEST_P(FullQueues, AreHeldToOneLimit) {
  const Case& c = GetParam();
  for (const unsigned permille : {250u, 500u}) {
    unsigned turn = c.queues;
    for (const auto& kernels_used : kernels()) {
      // Of every device size, and kernels that fill the device or leave room for another.
      const unsigned units = std::vector<unsigned>{40, 132, 188}[turn++ % 3];
      for (const unsigned width : {0u, units * 3 / 5}) {
        if (width > 0 && c.sharing == Sharing::kInTurn) continue;
        TestGrants grants;
        grants.add("g", {.compute_permille = permille});
        SimulatedDevice device(grants, c.sharing, units);
        device.start({.grant = "g",
                      .kernels = kernels_used,
                      .queues = c.queues,
                      .threads = c.threads,
                      .width = width});
        device.run_for(kSecond);
        EXPECT_NEAR(shares_over(device, 1, 2 * kSecond)[0], permille / 10.0, 3)
            << kernels_used[0] << " ns, " << kernels_used.size() << " kinds, on " << width << " of "
            << units << " units";
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, FullQueues, testing::ValuesIn(cases({1, 4})), name_of_case);

class FullQueuesBesideRivals : public testing::TestWithParam<Case> {
 protected:
  /// Two tenants with the same kernels; the second has one queue, then four.
  void expect_shares(const TestLimits& a, const TestLimits& b, double share_of_a,
                     double share_of_b) {
    const Case& c = GetParam();
    for (const unsigned others : {1u, 4u}) {
      for (const Nanoseconds kernel : {20 * kMicrosecond, 100 * kMicrosecond, 2 * kMillisecond}) {
        // Stretched by their own queues, longer ones never fit into a slice (ADR 0003).
        if (c.sharing == Sharing::kSliced && kernel > 100 * kMicrosecond) continue;
        TestGrants grants;
        grants.add("a", a);
        grants.add("b", b);
        SimulatedDevice device(grants, c.sharing);
        device.start({.grant = "a", .kernels = {kernel}, .queues = c.queues});
        device.start({.grant = "b", .kernels = {kernel}, .queues = others});
        device.run_for(kSecond);
        const auto shares = shares_over(device, 2, 3 * kSecond);
        EXPECT_NEAR(shares[0], share_of_a, 3) << kernel << " ns beside " << others;
        EXPECT_NEAR(shares[1], share_of_b, 3) << kernel << " ns with " << others;
      }
    }
  }
};

TEST_P(FullQueuesBesideRivals, KeepTheirLimits) {
  expect_shares({.compute_permille = 300}, {.compute_permille = 600}, 30, 60);
}

TEST_P(FullQueuesBesideRivals, CountByWeightNotByQueues) {
  expect_shares({.share = Share::kWeighted, .weight = 100},
                {.share = Share::kWeighted, .weight = 200}, 33.3, 66.7);
}

TEST_P(FullQueuesBesideRivals, BurstToTheCeilingAlone) {
  for (const auto& kernels_used : kernels()) {
    TestGrants grants;
    grants.add("g", {.share = Share::kBurst, .compute_permille = 200, .ceiling_permille = 600});
    SimulatedDevice device(grants, GetParam().sharing);
    device.start({.grant = "g", .kernels = kernels_used, .queues = GetParam().queues});
    device.run_for(kSecond);
    EXPECT_NEAR(shares_over(device, 1, 2 * kSecond)[0], 60, 3) << kernels_used[0];
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, FullQueuesBesideRivals, testing::ValuesIn(cases({1})),
                         name_of_case);

}  // namespace
}  // namespace melon::shim

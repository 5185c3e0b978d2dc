// SPDX-License-Identifier: Apache-2.0
// What devices are worth to requests that are bound to some kinds of them.
#include "placement/fragmentation.h"

#include <gtest/gtest.h>

namespace melon::placement {
namespace {

detail::DeviceKind kind(const std::string& type, const std::string& vendor = "nvidia") {
  detail::DeviceKind made{.vendor = vendor, .type = type};
  made.capacity[kSlots] = 10;
  made.capacity[kCompute] = 100;
  return made;
}

TargetShape target(std::int64_t weight, std::vector<std::string> types,
                   std::int32_t compute = 100) {
  DeviceDemand demand{.vendor = "nvidia", .count = 1, .types = std::move(types)};
  demand.each[kCompute] = compute;
  return {.devices = std::move(demand), .weight = weight};
}

using Scarcities = std::vector<std::int64_t>;

TEST(Scarcities, NothingIsScarceWhereNobodyIsBound) {
  const std::vector kinds = {kind("A"), kind("B")};
  EXPECT_EQ(scarcities(std::vector{target(5, {})}, kinds, Scarcities{3, 1}), (Scarcities{0, 0}));
  EXPECT_EQ(scarcities({}, kinds, Scarcities{3, 1}), (Scarcities{0, 0}));
}

TEST(Scarcities, AreTimePerDeviceOfTheMean) {
  // 10 requests for 3 + 1 devices; 4 of them for the only B: 4 a device, where 2.5 is the mean.
  const std::vector kinds = {kind("A"), kind("B")};
  const std::vector targets = {target(6, {}), target(4, {"B"})};
  EXPECT_EQ(scarcities(targets, kinds, Scarcities{3, 1}), (Scarcities{0, 1600}));
  // Half as large, half as scarce beside the same mean.
  const std::vector smaller = {target(8, {}), target(4, {"B"}, 50)};
  EXPECT_EQ(scarcities(smaller, kinds, Scarcities{3, 1}), (Scarcities{0, 800}));
  // Who may have either leaves both as they were.
  const std::vector either = {target(6, {"A", "B"}), target(4, {"B"})};
  EXPECT_EQ(scarcities(either, kinds, Scarcities{3, 1}), (Scarcities{0, 1600}));
}

TEST(Scarcities, AreBoundedAndIgnoreKindsThatAreGone) {
  const std::vector kinds = {kind("A"), kind("B"), kind("C")};
  const std::vector targets = {target(1, {"A"}), target(1, {"B"})};
  EXPECT_EQ(scarcities(targets, kinds, Scarcities{1000, 1, 0}), (Scarcities{0, kMostScarcity, 0}));
}

TEST(Scarcities, OneVendorsRequestsMakeAnothersDevicesNeitherScarceNorCheap) {
  const std::vector kinds = {kind("A"), kind("B"), kind("N", "ascend")};
  const std::vector targets = {target(6, {}), target(4, {"B"})};
  EXPECT_EQ(scarcities(targets, kinds, Scarcities{3, 1, 4})[2], 0);
}

}  // namespace
}  // namespace melon::placement

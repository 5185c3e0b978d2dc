// SPDX-License-Identifier: Apache-2.0
// The rules of placement one by one, on devices made by hand.
#include "placement/machine.h"

#include <gtest/gtest.h>

#include "placement/testing.h"

namespace melon::placement {
namespace {

using core::Request;
using testing::amount;
using testing::booked;
using testing::cpu;
using testing::gpu;
using testing::place;

std::string device_of(const std::variant<Placement, Refusal>& decision) {
  const auto* const placement = std::get_if<Placement>(&decision);
  return placement == nullptr || placement->empty() ? "" : placement->front().device;
}

/// "rule@device rule@device", in the order of the refusal.
std::string rules_of(const std::variant<Placement, Refusal>& decision) {
  const auto* const refusal = std::get_if<Refusal>(&decision);
  if (refusal == nullptr) return "placed";
  std::string rules;
  for (const Rejection& rejection : refusal->rejections) {
    EXPECT_FALSE(rejection.message.empty());
    rules += (rules.empty() ? "" : " ") + rejection.rule + "@" + rejection.device;
  }
  return rules;
}

TEST(Machine, TakesTheFullestDeviceThatHasRoom) {
  const DeviceState devices[] = {gpu("a", MiB(100)),
                                 booked(gpu("b", MiB(100)), MiB(70), Permille(0)),
                                 booked(gpu("c", MiB(100)), MiB(90), Permille(0))};
  EXPECT_EQ(device_of(place(devices, {.memory = amount(20)}, {})), "b");
  EXPECT_EQ(device_of(place(devices, {.memory = amount(10)}, {})), "c");
  EXPECT_EQ(device_of(place(devices, {.memory = amount(31)}, {})), "a");
}

TEST(Machine, OfEqualMemoryTakesTheLeastComputeLeftThenTheFirstId) {
  const DeviceState devices[] = {booked(gpu("c", MiB(100)), MiB(50), Permille(100)),
                                 booked(gpu("b", MiB(100)), MiB(50), Permille(100)),
                                 booked(gpu("a", MiB(100)), MiB(50), Permille(0))};
  EXPECT_EQ(device_of(place(devices, {.memory = amount(10), .compute = Permille(500)}, {})), "b");
  EXPECT_EQ(device_of(place(devices, {.memory = amount(10), .compute = Permille(950)}, {})), "a");
}

TEST(Machine, WholeDeviceNeedsAnEmptyOne) {
  const DeviceState devices[] = {booked(gpu("a", MiB(100)), MiB(1), Permille(0)),
                                 gpu("b", MiB(200))};
  const auto decision = place(devices, {}, {});
  ASSERT_EQ(device_of(decision), "b");
  EXPECT_EQ(std::get<Placement>(decision).front().memory, MiB(200));
  const auto refused = place(std::span(devices).first(1), {}, {});
  EXPECT_EQ(rules_of(refused), "whole@a");
  EXPECT_EQ(std::get<Refusal>(refused).memory_that_fits, MiB(99));
  EXPECT_TRUE(std::get<Refusal>(refused).can_ever_fit);
}

TEST(Machine, SlicesSayWhatTheirShareModeMeans) {
  const DeviceState devices[] = {gpu("a", MiB(100))};
  const auto slice = [&](const Request& request) {
    return std::get<Placement>(place(devices, request, {})).front();
  };
  const core::Slice hard = slice({.memory = amount(10), .compute = Permille(250)});
  EXPECT_EQ(hard.compute, Permille(250));
  EXPECT_EQ(hard.ceiling, Permille(250));
  const core::Slice weighted = slice({.memory = amount(10)});
  EXPECT_EQ(weighted.compute, Permille(0));
  EXPECT_EQ(weighted.ceiling, kWholeDevice);
  const core::Slice burst = slice({.memory = amount(10),
                                   .compute = Permille(250),
                                   .share = core::ShareMode::kBurst,
                                   .max_compute = Permille(500)});
  EXPECT_EQ(burst.compute, Permille(250));
  EXPECT_EQ(burst.ceiling, Permille(500));
}

TEST(Machine, ACpuIsTheLastResort) {
  const DeviceState both[] = {cpu("cpu", MiB(100)), gpu("gpu", MiB(50))};
  EXPECT_EQ(rules_of(place(both, {.memory = amount(60)}, {})), "cpu@cpu memory@gpu");
  EXPECT_EQ(device_of(place(both, {.memory = amount(60), .device = "cpu"}, {})), "cpu");
  EXPECT_EQ(device_of(place(both, {.memory = amount(60), .type = "PTHREAD"}, {})), "cpu");
  EXPECT_EQ(device_of(place(both, {.memory = amount(60), .type = "OpenCL"}, {})), "cpu");
  EXPECT_EQ(device_of(place(std::span(both).first(1), {.memory = amount(60)}, {})), "cpu");
}

TEST(Machine, TypeIsAVendorOrPartOfATypeInAnyCase) {
  const DeviceState devices[] = {gpu("a", MiB(100))};
  for (const std::string type : {"acme", "ACME", "accelerator 100", "100"})
    EXPECT_EQ(device_of(place(devices, {.memory = amount(1), .type = type}, {})), "a") << type;
  EXPECT_EQ(rules_of(place(devices, {.memory = amount(1), .type = "acmes"}, {})), "type@a type@");
}

TEST(Machine, DeviceIsAnIdOrAnAlias) {
  DeviceState device = gpu("a", MiB(100));
  device.device.aliases = {"0000:01:00.0"};
  const DeviceState devices[] = {device, gpu("b", MiB(10))};
  EXPECT_EQ(device_of(place(devices, {.memory = amount(1), .device = "0000:01:00.0"}, {})), "a");
  const auto unknown = place(devices, {.memory = amount(1), .device = "z"}, {});
  EXPECT_EQ(rules_of(unknown), "device@");
  EXPECT_NE(std::get<Refusal>(unknown).rejections.front().message.find("a, b"), std::string::npos);
  EXPECT_EQ(rules_of(place({}, {}, {})), "device@");
}

TEST(Machine, UnhealthyHeldAndUnenforcedDevicesRefuse) {
  DeviceState sick = gpu("a", MiB(100));
  sick.device.health = core::Health::kUnhealthy;
  sick.device.health_reason = "fell off the bus";
  DeviceState held = gpu("b", MiB(100));
  held.device.health = core::Health::kHeld;
  DeviceState open = gpu("c", MiB(100));
  open.device.enforcement = core::Enforcement::kNone;
  const DeviceState devices[] = {sick, held, open};
  const auto refused = place(devices, {.memory = amount(1)}, {});
  EXPECT_EQ(rules_of(refused), "health@a held@b enforcement@c");
  EXPECT_FALSE(std::get<Refusal>(refused).can_ever_fit);
  EXPECT_EQ(device_of(place(devices, {.memory = amount(1), .unenforced = true}, {})), "c");
}

TEST(Machine, SeveralDevicesAreDistinct) {
  const DeviceState devices[] = {gpu("a", MiB(100)), gpu("b", MiB(50)), gpu("c", MiB(10))};
  const auto decision = place(devices, {.memory = amount(20), .count = 2}, {});
  const auto& placement = std::get<Placement>(decision);
  ASSERT_EQ(placement.size(), 2U);
  EXPECT_EQ(placement.at(0).device, "b");
  EXPECT_EQ(placement.at(1).device, "a");
  const auto refused = place(devices, {.memory = amount(20), .count = 3}, {});
  EXPECT_EQ(rules_of(refused), "memory@c count@");
  EXPECT_EQ(std::get<Refusal>(refused).memory_that_fits, MiB(10));
}

TEST(Machine, OvercommitIsExplicitAndNeverForOneSlice) {
  const DeviceState devices[] = {booked(gpu("a", MiB(100)), MiB(100), Permille(1000))};
  EXPECT_EQ(rules_of(place(devices, {.memory = amount(1)}, {})), "memory@a");
  const Limits twice{.memory = Permille(2000), .compute = Permille(1500)};
  EXPECT_EQ(device_of(place(devices, {.memory = amount(100), .compute = Permille(500)}, twice)),
            "a");
  EXPECT_EQ(rules_of(place(devices, {.memory = amount(101)}, twice)), "memory@a");
  EXPECT_EQ(rules_of(place(devices, {.memory = amount(1), .compute = Permille(501)}, twice)),
            "compute@a");
}

TEST(Machine, OffersBothAmountsWhenNeitherAloneWouldDo) {
  const DeviceState devices[] = {booked(gpu("a", MiB(100)), MiB(90), Permille(800))};
  const auto decision = place(devices, {.memory = amount(20), .compute = Permille(500)}, {});
  EXPECT_EQ(rules_of(decision), "memory@a compute@a");
  const auto& refusal = std::get<Refusal>(decision);
  EXPECT_TRUE(refusal.together);
  EXPECT_EQ(refusal.memory_that_fits, MiB(10));
  EXPECT_EQ(refusal.compute_that_fits, Permille(200));
}

TEST(Machine, NoMoreGrantsShareADeviceThanItsBound) {
  DeviceState device = booked(gpu("a", MiB(100)), MiB(2), Permille(0));
  device.grants = 2;
  const DeviceState devices[] = {device};
  EXPECT_EQ(device_of(place(devices, {.memory = amount(1)}, {.grants = 3})), "a");
  const auto decision = place(devices, {.memory = amount(1)}, {.grants = 2});
  EXPECT_EQ(rules_of(decision), "grants@a");
  const auto& refusal = std::get<Refusal>(decision);
  EXPECT_NE(refusal.rejections.front().message.find("no more than 2"), std::string::npos);
  EXPECT_FALSE(refusal.memory_that_fits);
  EXPECT_TRUE(refusal.can_ever_fit);
}

TEST(Machine, ATypeMayBeAKind) {
  DeviceState processor = gpu("a", MiB(100));
  processor.device.kind = "cpu";
  processor.device.is_cpu = true;
  DeviceState card = gpu("b", MiB(100));
  card.device.kind = "gpu";
  const DeviceState devices[] = {processor, card};
  EXPECT_EQ(device_of(place(devices, {.memory = amount(1), .type = "cpu"}, {})), "a");
  EXPECT_EQ(device_of(place(devices, {.memory = amount(1), .type = "GPU"}, {})), "b");
  EXPECT_EQ(rules_of(place(devices, {.memory = amount(1), .type = "cpus"}, {})),
            "type@a type@b type@");
}

TEST(Machine, WhatIsLargerThanEveryDeviceNeverFits) {
  const DeviceState devices[] = {gpu("a", MiB(100))};
  const auto decision = place(devices, {.memory = amount(101)}, {});
  EXPECT_FALSE(std::get<Refusal>(decision).can_ever_fit);
  EXPECT_EQ(std::get<Refusal>(decision).memory_that_fits, MiB(100));
}

}  // namespace
}  // namespace melon::placement

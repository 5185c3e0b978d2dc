// SPDX-License-Identifier: Apache-2.0
// Choices in words.
#include "placement/choice.h"

#include <gtest/gtest.h>

#include "placement/testing.h"

namespace melon::placement {
namespace {

DeviceState device(const std::string& id, int memory_mib, int booked_mib = 0) {
  DeviceState state;
  state.device.id = id;
  state.device.type = "simulated card";
  state.device.memory = MiB(memory_mib);
  state.booked_memory = MiB(booked_mib);
  state.grants = booked_mib > 0 ? 1 : 0;
  return state;
}

core::Request asking(int mib) {
  core::Request request;
  request.memory = MemoryAmount{MiB(mib), {}};
  return request;
}

/// Of a grant that was placed by the engine, and holds its slices.
std::string choice(const std::vector<DeviceState>& devices, const core::Request& request) {
  Machine machine = testing::machine_of(devices, {});
  core::Grant grant{.id = "g-1", .request = request};
  grant.slices = std::get<Placement>(machine.place(request));
  machine.hold(grant.id, grant.slices);
  return explain_choice(machine, grant);
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Choice, SaysWhatIsWrongWhereItIs) {
  Machine machine = testing::machine_of(std::vector{device("d0", 1000)}, {});
  core::Grant grant{.id = "g-1", .request = asking(600)};
  grant.slices = std::get<Placement>(machine.place(grant.request));
  machine.hold(grant.id, grant.slices);
  machine.set_devices({device("d0", 500).device});
  const std::string small = explain_choice(machine, grant);
  EXPECT_TRUE(says(small, "placed on d0, where it would not fit now: 600 MiB")) << small;
  machine.set_devices({});
  EXPECT_EQ(explain_choice(machine, grant),
            "placed on d0, where it would not fit now: d0 is not there; policy closest, the one of "
            "single machines: fullest node; its device where the least memory, then compute, stays "
            "free");
}

TEST(Choice, NamesWhatIsLeftHereAndElsewhereAndWhoRefused) {
  const std::vector devices = {device("large", 4096), device("small", 1024), device("tiny", 64)};
  const std::string text = choice(devices, asking(512));
  EXPECT_TRUE(
      says(text, "placed on small (512 MiB and 100% of compute stay free), where the least"))
      << text;
  EXPECT_TRUE(says(text, "fit on large (3.5 GiB")) << text;
  EXPECT_TRUE(says(text, "512 MiB of memory are asked for, and 64 MiB of 64 MiB on tiny")) << text;
}

TEST(Choice, IsNotTheSameForTheOnlyDevice) {
  const std::string text = choice({device("one", 1024)}, asking(1000));
  EXPECT_TRUE(says(text, "placed on one (24 MiB and 100% of compute stay free), where alone"))
      << text;
}

TEST(Choice, SaysWhereItWouldGoNow) {
  const std::vector now = {device("a", 1024), device("b", 512)};
  Machine machine = testing::machine_of(now, {});
  const core::Grant grant{
      .id = "g-1", .request = asking(512), .slices = {{.device = "a", .memory = MiB(512)}}};
  machine.hold(grant.id, grant.slices);
  const std::string text = explain_choice(machine, grant);
  EXPECT_EQ(machine.states().front().booked_memory, MiB(512)) << "asking changes nothing";
  EXPECT_TRUE(says(text, "placed on a (512 MiB")) << text;
  EXPECT_TRUE(says(text, "now it would go to b (0 MiB")) << text;
}

}  // namespace
}  // namespace melon::placement

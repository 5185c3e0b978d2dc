// SPDX-License-Identifier: Apache-2.0
// Policies and arena indexes: taken whole, refused when foreign, waited for.

#include "shim/abi/publish.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <thread>

#include "shim/abi/test_ledger.h"

namespace melon::abi {
namespace {

/// A policy all of whose figures tell the same number.
Policy uniform(std::uint32_t number) {
  Policy policy = {};
  policy.device_count = kMaxDevices;
  for (DevicePolicy& device : policy.devices) {
    device.memory_granules = number;
    device.weight = number;
    device.reserved[4] = number;
  }
  return policy;
}

bool is_uniform(const Policy& policy) {
  for (const DevicePolicy& device : policy.devices)
    if (device.memory_granules != device.weight || device.weight != device.reserved[4] ||
        device.weight != policy.devices[0].weight)
      return false;
  return true;
}

TEST(Published, NothingIsThereBeforeTheFirst) {
  const Shared<PolicyFile> file;
  const auto policy = std::make_unique<Policy>();
  EXPECT_FALSE(read_published(*file, *policy));
}

TEST(Published, ReadersTakeTheLastWholeValue) {
  const Shared<PolicyFile> file;
  const auto policy = std::make_unique<Policy>();
  std::uint64_t generation = 0;
  for (std::uint32_t i = 1; i < 5; ++i) {
    publish(*file, uniform(i));
    ASSERT_TRUE(read_published(*file, *policy, &generation));
    EXPECT_EQ(policy->devices[7].weight, i);
    EXPECT_EQ(generation, current_generation(*file));
  }
}

TEST(Published, RefusesWhatNoWriterLeaves) {
  const Shared<PolicyFile> file;
  const auto policy = std::make_unique<Policy>(uniform(1));
  const auto refused = [&](const Policy& bad) {
    publish(*file, bad);
    Policy out;
    return !read_published(*file, out);
  };
  EXPECT_FALSE(refused(*policy));
  policy->device_count = kMaxDevices + 1;
  EXPECT_TRUE(refused(*policy));
  *policy = uniform(1);
  std::memset(policy->devices[3].key, 'x', kKeyBytes);
  EXPECT_TRUE(refused(*policy));
  *policy = uniform(1);
  policy->devices[0].share = static_cast<Share>(7);
  EXPECT_TRUE(refused(*policy));

  const Shared<ArenaIndexFile> arena;
  const auto index = std::make_unique<ArenaIndex>();
  index->count = 2;
  publish(*arena, *index);
  EXPECT_TRUE(read_published(*arena, *index));
  index->count = kMaxTenants + 1;
  publish(*arena, *index);
  EXPECT_FALSE(read_published(*arena, *index));
}

TEST(Published, NeverTornWhileTheWriterGoesOnAndDies) {
  const Shared<PolicyFile> file;
  publish(*file, uniform(1));
  for (int round = 0; round < 20; ++round) {
    const pid_t writer = start_child([&] {
      for (std::uint32_t i = 1;; ++i) publish(*file, uniform(i));
    });
    const std::uint64_t start = current_generation(*file);
    Policy policy;
    while (current_generation(*file) < start + 200) {
      if (read_published(*file, policy)) {
        ASSERT_TRUE(is_uniform(policy));
      }
    }
    kill(writer, SIGKILL);
    wait_child(writer);
    ASSERT_TRUE(read_published(*file, policy)) << "a dead writer holds nobody up";
    ASSERT_TRUE(is_uniform(policy));
  }
}

TEST(Published, WakesWhoWaits) {
  const Shared<PolicyFile> file;
  publish(*file, uniform(1));
  const std::uint64_t generation = current_generation(*file);
  std::thread waiter([&] {
    while (current_generation(*file) == generation)
      wait_for_change(*file, generation, std::uint64_t{60} * 1'000'000'000);
  });
  publish(*file, uniform(2));
  waiter.join();
  EXPECT_EQ(current_generation(*file), generation + 1);
  wait_for_change(*file, generation, std::uint64_t{60} * 1'000'000'000);  // returns at once
}

}  // namespace
}  // namespace melon::abi

// SPDX-License-Identifier: Apache-2.0
// Looks at devices, and drivers that never answer.
#include "agent/device_watch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

namespace melon::agent {
namespace {

constexpr std::chrono::seconds kLong{60};

TEST(DeviceWatch, HandsOverWhatItSawFromAnotherThread) {
  std::promise<DeviceLook> seen;
  std::thread::id looked_on;
  DeviceWatch watch(
      [&](const std::vector<core::Device>& devices) {
        looked_on = std::this_thread::get_id();
        DeviceLook look;
        for (const core::Device& device : devices) look.samples[device.id] = {};
        return look;
      },
      [&](DeviceLook look) { seen.set_value(std::move(look)); });
  core::Device device;
  device.id = "opencl-0";
  ASSERT_TRUE(watch.start({device}));
  auto look = seen.get_future();
  ASSERT_EQ(look.wait_for(kLong), std::future_status::ready);
  EXPECT_TRUE(look.get().samples.contains("opencl-0"));
  EXPECT_NE(looked_on, std::this_thread::get_id());
}

TEST(DeviceWatch, ADriverThatHangsHoldsUpNobodyAndQueuesNothing) {
  struct Driver {
    std::promise<void> asked;
    std::promise<void> released;
    std::shared_future<void> answer = released.get_future().share();
    std::promise<void> gone;
    std::atomic<int> looks = 0;
  };
  const auto driver = std::make_shared<Driver>();
  std::atomic<int> told = 0;
  {
    DeviceWatch watch(
        [driver](const std::vector<core::Device>&) {
          if (driver->looks++ == 0) driver->asked.set_value();
          driver->answer.wait();
          driver->gone.set_value();
          return DeviceLook{};
        },
        [&told](const DeviceLook&) { ++told; });
    ASSERT_TRUE(watch.start({}));
    ASSERT_EQ(driver->asked.get_future().wait_for(kLong), std::future_status::ready);
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(watch.start({}));
  }  // ends although the driver has not answered
  driver->released.set_value();
  ASSERT_EQ(driver->gone.get_future().wait_for(kLong), std::future_status::ready);
  EXPECT_EQ(driver->looks, 1);
  EXPECT_EQ(told, 0);
}

}  // namespace
}  // namespace melon::agent

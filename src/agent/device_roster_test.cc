// SPDX-License-Identifier: Apache-2.0
// Devices that are held by others, left alone, or ill.
#include "agent/device_roster.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace melon::agent {
namespace {

using core::Health;

core::Device device_of(const std::string& vendor, const std::string& key,
                       std::vector<std::string> aliases = {}) {
  core::Device device;
  device.vendor = vendor;
  device.type = "simulated card";
  device.key = key;
  device.aliases = std::move(aliases);
  device.memory = MiB(1024);
  return device;
}

/// A library that echoes the health of what it is asked about, as libraries without sensors do.
class EchoingLibrary final : public devlib::DeviceLibrary {
 public:
  explicit EchoingLibrary(std::vector<core::Device> devices) : devices_(std::move(devices)) {}
  devlib::Discovered enumerate() override { return {.devices = devices_}; }
  devlib::Sample sample(const core::Device& device) override {
    return {.health = device.health, .health_reason = device.health_reason};
  }
  std::optional<std::vector<devlib::ToldProcess>> processes(const core::Device&) override {
    return std::vector<devlib::ToldProcess>{{.pid = ::getpid()}};
  }

 private:
  std::vector<core::Device> devices_;
};

class DeviceRosterTest : public testing::Test {
 protected:
  DeviceRosterTest() {
    std::string pattern = testing::TempDir() + "roster-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~DeviceRosterTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<DeviceRoster> roster(std::vector<core::Device> devices,
                                       std::vector<std::string> ignored = {}) {
    vendors::Descriptor vendor;
    vendor.id = "opencl";
    std::vector<std::unique_ptr<devlib::DeviceLibrary>> libraries;
    libraries.push_back(std::make_unique<EchoingLibrary>(std::move(devices)));
    catalog_ = std::make_shared<devlib::Catalog>(std::vector{vendor}, std::move(libraries));
    auto made =
        std::make_unique<DeviceRoster>(catalog_, RosterSettings{.lock_folder = folder_ + "/locks",
                                                                .state_folder = folder_,
                                                                .ignored = std::move(ignored)});
    made->discover();
    return made;
  }
  std::string folder_;
  std::shared_ptr<devlib::Catalog> catalog_;
};

TEST_F(DeviceRosterTest, AHeldDeviceBecomesUsableWhenItsHolderLetsGo) {
  auto first = roster({device_of("opencl", "k")});
  EXPECT_EQ(first->devices().at(0).health, Health::kHealthy);
  const auto second = roster({device_of("opencl", "k")});
  EXPECT_EQ(second->devices().at(0).health, Health::kHeld);
  EXPECT_THAT(second->devices().at(0).health_reason, testing::HasSubstr(folder_));
  EXPECT_FALSE(second->take(look_at(*catalog_, second->devices())));
  EXPECT_EQ(second->devices().at(0).health, Health::kHeld);
  first.reset();
  EXPECT_TRUE(second->take(look_at(*catalog_, second->devices())));
  EXPECT_EQ(second->devices().at(0).health, Health::kHealthy);
  EXPECT_EQ(second->devices().at(0).health_reason, "");
}

TEST_F(DeviceRosterTest, AnIllDeviceThatWasHeldIsIllAfterwards) {
  core::Device ill = device_of("opencl", "k");
  ill.health = Health::kUnhealthy;
  ill.health_reason = "fell off the bus";
  auto first = roster({ill});
  const auto second = roster({ill});
  first.reset();
  second->take(look_at(*catalog_, second->devices()));
  EXPECT_EQ(second->devices().at(0).health, Health::kUnhealthy);
  EXPECT_EQ(second->devices().at(0).health_reason, "fell off the bus");
}

TEST_F(DeviceRosterTest, IgnoredDevicesAreNotTakenByIdOrAlias) {
  const std::vector both = {device_of("opencl", "a"), device_of("opencl", "b", {"pci:0"})};
  const auto one = roster(both, {"pci:0"});
  ASSERT_EQ(one->devices().size(), 1U);
  EXPECT_EQ(one->devices()[0].key, "a");
  const auto other = roster(both, {"opencl-0"});
  ASSERT_EQ(other->devices().size(), 1U);
  EXPECT_EQ(other->devices()[0].key, "b");
  EXPECT_EQ(other->devices()[0].health, Health::kHealthy) << "the first roster did not lock it";
}

TEST_F(DeviceRosterTest, AWholeVendorIsIgnored) {
  EXPECT_TRUE(
      roster({device_of("opencl", "a"), device_of("opencl", "b")}, {"opencl"})->devices().empty());
  EXPECT_EQ(roster({device_of("opencl", "a")}, {"nvidia"})->devices().size(), 1U);
}

TEST_F(DeviceRosterTest, TheOnlyDeviceOfAVendorIsWhereItsProcessesAre) {
  const auto alone = roster({device_of("opencl", "a")});
  EXPECT_EQ(alone->device_of({.vendor = "opencl"}), "opencl-0");
  EXPECT_EQ(alone->device_of({.vendor = "other"}), "");
  const auto two = roster({device_of("opencl", "b"), device_of("opencl", "c")});
  EXPECT_EQ(two->device_of({.vendor = "opencl"}), "");
  EXPECT_EQ(two->device_of({.vendor = "opencl", .device = "opencl-1"}), "opencl-1");
}

}  // namespace
}  // namespace melon::agent

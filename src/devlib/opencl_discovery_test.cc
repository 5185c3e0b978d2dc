// SPDX-License-Identifier: Apache-2.0
// OpenCL discovery through real child processes: PoCL, and drivers that crash, hang or chatter.
#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "devlib/opencl_probe.h"

namespace melon::devlib {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class OpenClTest : public testing::Test {
 protected:
  OpenClTest() {
    std::string name = (std::filesystem::temp_directory_path() / "melon-icd-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    vendor_.id = "opencl";
    vendor_.libraries = {"libOpenCL.so.1"};
    vendor_.enforcement = core::Enforcement::kShim;
    ::setenv("OCL_ICD_VENDORS", folder_.c_str(), 1);
  }
  ~OpenClTest() override {
    for (const char* const variable : {"OCL_ICD_VENDORS", "POCL_DEVICES", "LD_PRELOAD"})
      ::unsetenv(variable);
    std::filesystem::remove_all(folder_);
  }
  std::string add_driver(const std::string& name, const std::string& library) const {
    std::ofstream(folder_ / (name + ".icd")) << library << "\n";
    return (folder_ / (name + ".icd")).string();
  }
  void add_pocl() const {
    std::filesystem::copy("/etc/OpenCL/vendors/pocl.icd", folder_ / "pocl.icd");
  }
  Discovered discover() const { return open_opencl(vendor_, settings_)->enumerate(); }

  std::filesystem::path folder_;
  vendors::Descriptor vendor_;
  Settings settings_{.self_executable = MELON_PROBE};
};

std::string printed_by(const std::string& command) {
  FILE* const pipe = ::popen(command.c_str(), "r");
  std::string text(4096, '\0');
  text.resize(::fread(text.data(), 1, text.size(), pipe));
  ::pclose(pipe);
  return text;
}

TEST_F(OpenClTest, FindsTheProcessorAsItsDriverDescribesIt) {
  add_pocl();
  const auto found = discover();
  EXPECT_TRUE(found.faults.empty());
  ASSERT_EQ(found.devices.size(), 1u);
  const core::Device& device = found.devices[0];
  EXPECT_THAT(device.key, StartsWith("opencl:Portable Computing Language|" + device.type + "|0"));
  EXPECT_TRUE(device.is_cpu);
  EXPECT_FALSE(device.simulated);
  EXPECT_EQ(device.health, core::Health::kHealthy);
  EXPECT_EQ(device.enforcement, core::Enforcement::kShim);
  const auto bytes = printed_by("clinfo --raw 2>&1 | awk '/GLOBAL_MEM_SIZE/ {print $NF}'");
  EXPECT_EQ(std::to_string(device.memory.count()), std::to_string(std::stoll(bytes) >> 20));
  const auto units = printed_by("clinfo --raw 2>&1 | awk '/MAX_COMPUTE_UNITS/ {print $NF}'");
  EXPECT_EQ(device.compute_units, std::stoi(units));
}

TEST_F(OpenClTest, TwoDevicesOfOneNameGetKeysOfTheirOwn) {
  add_pocl();
  ::setenv("POCL_DEVICES", "pthread pthread", 1);
  const auto devices = discover().devices;
  ASSERT_EQ(devices.size(), 2u);
  EXPECT_EQ(devices[0].type, devices[1].type);
  EXPECT_THAT(devices[0].key, testing::EndsWith("|0"));
  EXPECT_THAT(devices[1].key, testing::EndsWith("|1"));
}

TEST_F(OpenClTest, TakesOnlyTheKindsThatTheVendorHas) {
  add_pocl();
  vendor_.kinds = {vendors::Kind::kGpu};
  EXPECT_TRUE(discover().devices.empty());
  vendor_.kinds = {vendors::Kind::kGpu, vendors::Kind::kCpu};
  EXPECT_EQ(discover().devices.size(), 1u);
}

TEST_F(OpenClTest, AnAbsentLoaderOrNoDriverMeansNoDevicesAndNoFault) {
  EXPECT_TRUE(discover().devices.empty());
  EXPECT_TRUE(discover().faults.empty());
  vendor_.libraries = {"libabsent.so.1"};
  EXPECT_TRUE(discover().devices.empty());
  EXPECT_TRUE(discover().faults.empty());
}

TEST_F(OpenClTest, ACrashingDriverIsNamedAndTheOthersAreFound) {
  add_pocl();
  const auto bad = add_driver("bad", MELON_CRASHING_DRIVER);
  const auto found = discover();
  EXPECT_EQ(found.devices.size(), 1u);
  ASSERT_EQ(found.faults.size(), 1u);
  EXPECT_EQ(found.faults[0].code, core::FindingCode("opencl_driver_crashes"));
  EXPECT_THAT(found.faults[0].message, HasSubstr(bad));
  EXPECT_EQ(found.faults[0].values.at("driver"), bad);
  std::filesystem::rename(bad, found.faults[0].values.at("disabled_driver"));
  EXPECT_TRUE(discover().faults.empty());
  EXPECT_TRUE(std::filesystem::exists(bad + ".disabled"));
}

TEST_F(OpenClTest, AHangingDriverIsNamedAfterItsTime) {
  const auto bad = add_driver("bad", MELON_HANGING_DRIVER);
  settings_.probe_timeout = std::chrono::milliseconds(300);
  const auto found = discover();
  ASSERT_EQ(found.faults.size(), 1u);
  EXPECT_EQ(found.faults[0].code, core::FindingCode("opencl_driver_hangs"));
  EXPECT_THAT(found.faults[0].message, HasSubstr(bad));
}

TEST_F(OpenClTest, OfDriversThatClashOneWithoutWhichTheOthersWorkIsNamed) {
  add_pocl();
  const auto second = (folder_ / "second.so").string();
  std::filesystem::copy(MELON_CLASHING_DRIVER, second);  // the loader takes one file once
  const auto bad = add_driver("bad", MELON_CLASHING_DRIVER);
  add_driver("worse", second);
  const auto found = discover();
  EXPECT_EQ(found.devices.size(), 1u);
  ASSERT_EQ(found.faults.size(), 1u);
  EXPECT_EQ(found.faults[0].code, core::FindingCode("opencl_drivers_clash"));
  EXPECT_EQ(found.faults[0].values.at("driver"), bad);
  std::filesystem::remove(bad);
  EXPECT_TRUE(discover().faults.empty());
}

TEST_F(OpenClTest, WhatADriverPrintsIsNotTakenForDevices) {
  add_driver("chatty", MELON_CHATTY_DRIVER);
  add_pocl();
  const auto found = discover();
  EXPECT_EQ(found.devices.size(), 1u);
  EXPECT_TRUE(found.faults.empty());
}

TEST_F(OpenClTest, TheProbeRunsWithoutPreloadedLibraries) {
  add_pocl();
  ::setenv("LD_PRELOAD", MELON_CRASHING_DRIVER, 1);
  EXPECT_EQ(discover().devices.size(), 1u);
}

TEST_F(OpenClTest, AProbeThatCannotBeStartedIsAFault) {
  settings_.self_executable = "/nonexistent/melon";
  const auto found = discover();
  ASSERT_EQ(found.faults.size(), 1u);
  EXPECT_EQ(found.faults[0].code, core::FindingCode("opencl_probe_failed"));
}

TEST_F(OpenClTest, TellsHowBusyTheProcessorsAre) {
  add_pocl();
  const auto library = open_opencl(vendor_, settings_);
  const auto device = library->enumerate().devices.at(0);
  EXPECT_EQ(library->sample(device).utilization, std::nullopt);
  // This loop keeps one busy; between two samples the kernel may have counted only another's tick.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  Permille busy;
  while (busy.count() == 0 && std::chrono::steady_clock::now() < end) {
    busy = library->sample(device).utilization.value_or(Permille(0));
    ASSERT_LE(busy.count(), 1000);
  }
  EXPECT_GT(busy.count(), 0);
}

}  // namespace
}  // namespace melon::devlib

// SPDX-License-Identifier: Apache-2.0
// Merging of cards seen twice, numbering, and who is asked about which device.
#include "devlib/catalog.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

#include "devlib/detail/cpu_load.h"

namespace melon::devlib {
namespace {

using core::Enforcement;
using testing::ElementsAre;

core::Device seen(const std::string& vendor, const std::string& key,
                  std::vector<std::string> aliases, Enforcement enforcement) {
  core::Device device;
  device.vendor = vendor;
  device.key = key;
  device.type = vendor + " card";
  device.aliases = std::move(aliases);
  device.enforcement = enforcement;
  device.memory = MiB(1024);
  return device;
}

TEST(MergeDevices, OneCardThroughTwoLibrariesIsOneDevice) {
  auto managed = seen("nvidia", "uuid:1", {"uuid:1", "pci:0"}, Enforcement::kNone);
  managed.health = core::Health::kUnhealthy;
  managed.health_reason = "lost";
  auto opencl = seen("opencl", "pci:0", {"pci:0"}, Enforcement::kShim);
  opencl.compute_units = 8;
  const auto cpu = seen("opencl", "opencl:p|cpu|0", {}, Enforcement::kShim);
  const auto merged = merge_devices(std::vector{managed, opencl, cpu});
  ASSERT_EQ(merged.size(), 2u);
  EXPECT_EQ(merged[0].vendor, "nvidia");
  EXPECT_EQ(merged[0].type, "nvidia card");
  EXPECT_EQ(merged[0].key, "pci:0") << "what a tenant derives through OpenCL";
  EXPECT_EQ(merged[0].enforcement, Enforcement::kNone) << "CUDA programs are not held";
  EXPECT_EQ(merged[0].compute_units, 8);
  EXPECT_EQ(merged[0].health, core::Health::kUnhealthy);
  EXPECT_EQ(merged[1], cpu);
}

TEST(MergeDevices, ALaterSightingJoinsTwoThatWereApart) {
  const auto merged =
      merge_devices(std::vector{seen("a", "k1", {"uuid:1"}, Enforcement::kShim),
                                seen("b", "k2", {"pci:1"}, Enforcement::kShim),
                                seen("c", "k3", {"uuid:1", "pci:1"}, Enforcement::kShim)});
  ASSERT_EQ(merged.size(), 1u);
  EXPECT_THAT(merged[0].aliases, ElementsAre("uuid:1", "pci:1"));
}

RC_GTEST_PROP(MergeDevices, LeavesNoTwoThatShareAnything, ()) {
  std::vector<core::Device> devices;
  const auto edges = *rc::gen::container<std::vector<std::pair<int, int>>>(
      rc::gen::pair(rc::gen::inRange(0, 12), rc::gen::inRange(0, 12)));
  for (std::size_t i = 0; i < edges.size(); ++i)
    devices.push_back(
        seen("v", "k" + std::to_string(i),
             {"a" + std::to_string(edges[i].first), "a" + std::to_string(edges[i].second)},
             Enforcement::kShim));
  const auto merged = merge_devices(devices);
  std::vector<std::string> all;
  for (const auto& device : merged) {
    auto own = device.aliases;
    std::ranges::sort(own);
    own.erase(std::unique(own.begin(), own.end()), own.end());
    all.insert(all.end(), own.begin(), own.end());
  }
  std::ranges::sort(all);
  RC_ASSERT(std::ranges::adjacent_find(all) == all.end());
  for (const auto& device : devices)
    for (const auto& alias : device.aliases) RC_ASSERT(std::ranges::binary_search(all, alias));
}

class FakeLibrary final : public DeviceLibrary {
 public:
  explicit FakeLibrary(std::vector<core::Device> devices) : devices_(std::move(devices)) {}
  Discovered enumerate() override { return {.devices = devices_}; }
  Sample sample(const core::Device& device) override {
    return {.health_reason = "asked for " + device.key};
  }
  std::optional<std::vector<ToldProcess>> processes(const core::Device& device) override {
    if (device.vendor != "nvidia") return std::nullopt;
    return std::vector<ToldProcess>{{::getpid(), MiB(5120)}, {0x3fffff, MiB(1)}};  // the second
    // is no process
  }

 private:
  std::vector<core::Device> devices_;
};

Catalog two_vendors() {
  vendors::Descriptor nvidia;
  nvidia.id = "nvidia";
  vendors::Descriptor opencl;
  opencl.id = "opencl";
  opencl.process_libraries = {"libc.so.6"};  // everybody has it
  std::vector<std::unique_ptr<DeviceLibrary>> libraries;
  libraries.push_back(std::make_unique<FakeLibrary>(
      std::vector{seen("nvidia", "uuid:1", {"uuid:1", "pci:0"}, Enforcement::kNone)}));
  libraries.push_back(std::make_unique<FakeLibrary>(
      std::vector{seen("opencl", "pci:0", {"pci:0"}, Enforcement::kShim),
                  seen("opencl", "opencl:p|cpu|0", {}, Enforcement::kShim)}));
  return Catalog({nvidia, opencl}, std::move(libraries));
}

TEST(Catalog, NumbersWhatIsLeftAndAsksTheOwnersLibraryByItsOwnKey) {
  Catalog catalog = two_vendors();
  const auto found = catalog.discover();
  ASSERT_EQ(found.devices.size(), 2u);
  EXPECT_EQ(found.devices[0].id, "nvidia-0");
  EXPECT_EQ(found.devices[1].id, "opencl-0");
  EXPECT_EQ(found.devices[0].key, "pci:0");
  EXPECT_EQ(catalog.sample(found.devices[0]).health_reason, "asked for uuid:1");
  EXPECT_EQ(catalog.sample(found.devices[1]).health_reason, "asked for opencl:p|cpu|0");
  core::Device unknown = found.devices[0];
  unknown.id = "nvidia-9";
  EXPECT_EQ(catalog.sample(unknown).health, core::Health::kUnhealthy);
}

TEST(Catalog, ProcessesComeFromTheLibraryOrElseFromMappedFiles) {
  Catalog catalog = two_vendors();
  catalog.discover();
  int told = 0;
  int scanned = 0;
  for (const DeviceProcess& entry : catalog.processes()) {
    if (entry.process.pid != ::getpid()) continue;
    EXPECT_EQ(entry.user, ::getuid());
    EXPECT_THAT(entry.command, testing::HasSubstr("devlib_test"));
    if (entry.vendor == "nvidia" && entry.device == "nvidia-0") ++told;
    if (entry.vendor == "opencl" && entry.device == "opencl-0") ++scanned;
  }
  EXPECT_EQ(told, 1);
  EXPECT_EQ(scanned, 1);
}

const DeviceProcess& own_entry(const std::vector<DeviceProcess>& all, const std::string& vendor) {
  return *std::ranges::find_if(all, [&vendor](const DeviceProcess& entry) {
    return entry.process.pid == ::getpid() && entry.vendor == vendor;
  });
}

TEST(Catalog, MemoryOfAProcessIsWhatTheLibraryTells) {
  Catalog catalog = two_vendors();
  catalog.discover();
  const auto all = catalog.processes();
  EXPECT_EQ(own_entry(all, "nvidia").memory, MemoryHeld{.on_device = MiB(5120)});
  EXPECT_EQ(own_entry(all, "opencl").memory, MemoryHeld{}) << "no CPU, and nobody tells";
}

TEST(Catalog, OnACpuItsMemoryIsWithinWhatTheProcessHasOfTheMachines) {
  vendors::Descriptor opencl;
  opencl.id = "opencl";
  opencl.process_libraries = {"libc.so.6"};
  core::Device cpu = seen("opencl", "opencl:p|cpu|0", {}, Enforcement::kShim);
  cpu.is_cpu = true;
  for (const bool beside_a_card : {false, true}) {
    std::vector<core::Device> devices{cpu};
    if (beside_a_card) devices.push_back(seen("opencl", "pci:1", {}, Enforcement::kShim));
    std::vector<std::unique_ptr<DeviceLibrary>> libraries;
    libraries.push_back(std::make_unique<FakeLibrary>(devices));
    Catalog catalog({opencl}, std::move(libraries));
    catalog.discover();
    const auto all = catalog.processes();
    const DeviceProcess& own = own_entry(all, "opencl");
    EXPECT_EQ(own.device, beside_a_card ? "" : "opencl-0");
    EXPECT_EQ(own.memory.on_device, std::nullopt);
    ASSERT_TRUE(own.memory.resident);
    EXPECT_GT(*own.memory.resident, MiB(0));
  }
}

TEST(CpuTimes, CountsWhatIsNeitherIdleNorWaiting) {
  const auto times = detail::parse_cpu_times("cpu  10 1 5 100 50 2 3 4 9 9\ncpu0 1 1 1 1\n");
  ASSERT_TRUE(times);
  EXPECT_EQ(times->all, 175u);
  EXPECT_EQ(times->busy, 25u);
  for (const char* const text :
       {"", "cpu", "cpu ", "cpu  1 2 3\n", "cpu0 1 2 3 4 5 6 7 8\n", "cpu  1 2 3 x 5 6 7 8\n"})
    EXPECT_FALSE(detail::parse_cpu_times(text)) << text;
}

}  // namespace
}  // namespace melon::devlib

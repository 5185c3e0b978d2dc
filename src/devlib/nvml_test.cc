// SPDX-License-Identifier: Apache-2.0
// NVIDIA discovery against a simulated libnvidia-ml.
#include "devlib/nvml.h"

#include <dlfcn.h>
#include <gmock/gmock.h>

namespace melon::devlib {
namespace {

class NvmlTest : public testing::Test {
 protected:
  NvmlTest() : simulated_(::dlopen(MELON_SIMULATED_NVML, RTLD_NOW | RTLD_LOCAL)) {
    vendor_.id = "nvidia";
    vendor_.libraries = {"libabsent-ml.so.1", MELON_SIMULATED_NVML};
    vendor_.enforcement = core::Enforcement::kNone;
  }
  ~NvmlTest() override {
    for (const char* const name : {"simulated_init_error", "simulated_memory_error",
                                   "simulated_handle_error", "simulated_processes"})
      set(name, 0);
    ::dlclose(simulated_);
  }
  void set(const char* variable, int value) const {
    *static_cast<int*>(::dlsym(simulated_, variable)) = value;
  }
  void* simulated_;
  vendors::Descriptor vendor_;
};

TEST_F(NvmlTest, ListsCardsWithWhatIsKnownOfThem) {
  const auto library = open_nvml(vendor_, {});
  const auto found = library->enumerate();
  EXPECT_TRUE(found.faults.empty());
  ASSERT_EQ(found.devices.size(), 2u);
  const core::Device& card = found.devices[1];
  EXPECT_EQ(card.vendor, "nvidia");
  EXPECT_EQ(card.type, "Simulated GPU");
  EXPECT_TRUE(card.simulated);
  EXPECT_EQ(card.memory, MiB(16384));
  EXPECT_EQ(card.enforcement, core::Enforcement::kNone);
  EXPECT_EQ(card.native_id, "GPU-8B0A1C2D-0000-0000-0000-000000000001");
  EXPECT_EQ(card.key, "uuid:8b0a1c2d000000000000000000000001");
  EXPECT_THAT(card.aliases, testing::ElementsAre(card.key, "pci:0000:42:00.0"));
  const Sample sample = library->sample(card);
  EXPECT_EQ(sample.used_memory, MiB(2048));
  EXPECT_EQ(sample.utilization, Permille(380));
  EXPECT_EQ(sample.health, core::Health::kHealthy);
}

TEST_F(NvmlTest, ALostCardIsUnhealthyAndSaysWhy) {
  const auto library = open_nvml(vendor_, {});
  const auto card = library->enumerate().devices.at(1);
  set("simulated_memory_error", 15);
  EXPECT_EQ(library->sample(card).health, core::Health::kUnhealthy);
  EXPECT_EQ(library->sample(card).health_reason, "GPU is lost");
  EXPECT_EQ(library->enumerate().devices.at(1).health, core::Health::kUnhealthy);
  set("simulated_memory_error", 0);
  EXPECT_EQ(library->sample(card).health, core::Health::kHealthy);
  core::Device unknown = card;
  unknown.key = "uuid:00";
  EXPECT_EQ(library->sample(unknown).health, core::Health::kUnhealthy);
}

TEST_F(NvmlTest, ListsProcessesHoweverMany) {
  const auto library = open_nvml(vendor_, {});
  const auto devices = library->enumerate().devices;
  EXPECT_THAT(*library->processes(devices[0]), testing::IsEmpty());
  set("simulated_processes", 300);
  const auto told = *library->processes(devices[0]);
  ASSERT_EQ(told.size(), 300u);
  EXPECT_EQ(told.front().pid, 1);
  EXPECT_EQ(told.front().used_memory, MiB(1));
  EXPECT_EQ(told[298].used_memory, MiB(299));
  EXPECT_EQ(told.back().pid, 300);
  EXPECT_EQ(told.back().used_memory, std::nullopt) << "NVML's word for not available";
  EXPECT_THAT(*library->processes(devices[1]), testing::IsEmpty());
}

TEST_F(NvmlTest, ADriverThatIsNotLoadedIsAFaultAndMends) {
  set("simulated_init_error", 9);
  const auto library = open_nvml(vendor_, {});
  const auto found = library->enumerate();
  EXPECT_TRUE(found.devices.empty());
  ASSERT_EQ(found.faults.size(), 1u);
  EXPECT_EQ(found.faults[0].code, core::FindingCode("nvidia_driver_unavailable"));
  EXPECT_THAT(found.faults[0].message, testing::HasSubstr("Driver Not Loaded"));
  set("simulated_init_error", 18);
  EXPECT_EQ(library->enumerate().faults.at(0).code, core::FindingCode("nvidia_driver_outdated"));
  set("simulated_init_error", 0);
  EXPECT_EQ(library->enumerate().devices.size(), 2u);
}

TEST_F(NvmlTest, ACardThatCannotBeReachedIsAFaultAndTheOtherIsThere) {
  const auto library = open_nvml(vendor_, {});
  for (const auto& [error, code] :
       {std::pair(4, core::FindingCode("nvidia_device_denied")),
        std::pair(15, core::FindingCode("nvidia_device_unreachable"))}) {
    set("simulated_handle_error", error);
    const auto found = library->enumerate();
    EXPECT_EQ(found.devices.size(), 1u);
    ASSERT_EQ(found.faults.size(), 1u);
    EXPECT_EQ(found.faults[0].code, code);
  }
  set("simulated_handle_error", 0);
  EXPECT_EQ(library->enumerate().devices.size(), 2u);
}

TEST_F(NvmlTest, AnAbsentLibraryMeansNoDevicesAndNoFault) {
  vendor_.libraries = {"libabsent-ml.so.1"};
  const auto found = open_nvml(vendor_, {})->enumerate();
  EXPECT_TRUE(found.devices.empty());
  EXPECT_TRUE(found.faults.empty());
}

}  // namespace
}  // namespace melon::devlib

// SPDX-License-Identifier: Apache-2.0
// Devices and partitions of pods, there and back.
#include "annotations/pod_devices.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "annotations/partition_allocations.h"

namespace melon::annotations {
namespace {

using vendors::Compatibility;

PodDevice device(std::string uuid, std::int64_t memory = 1000, std::int64_t compute = 30) {
  return {std::move(uuid), "Type1", MiB(memory), compute};
}

std::size_t containers_of(std::string_view text, Compatibility mode) {
  const auto devices = decode_pod_devices(text, mode);
  EXPECT_TRUE(devices) << devices.error().message;
  return devices ? devices->size() : 0;
}

TEST(PodDevices, ContractRows) {
  constexpr auto kHami = Compatibility::kHami29;
  EXPECT_EQ(encode_pod_devices({{device("UUID1")}}), "UUID1,Type1,1000,30:;") << "T1";
  EXPECT_EQ(containers_of("UUID1,Type1,1000,30:;", kHami), 2U) << "T1";
  EXPECT_EQ(encode_pod_devices({{device("UUID1"), device("UUID1")}}),
            "UUID1,Type1,1000,30:UUID1,Type1,1000,30:;")
      << "T2";
  const PodDevices two = {{device("UUID1")}, {device("UUID1")}};
  EXPECT_EQ(encode_pod_devices(two), "UUID1,Type1,1000,30:;UUID1,Type1,1000,30:;") << "T3";
  EXPECT_EQ(containers_of(encode_pod_devices(two), kHami), 3U) << "T3";
  const auto five = decode_pod_devices("GPU-8dcd,NVIDIA,500,3:;GPU-ebe7,NVIDIA,500,3:;", kHami);
  ASSERT_TRUE(five) << "T5";
  ASSERT_EQ(five->size(), 3U) << "T5";
  EXPECT_EQ((*five)[1][0], (PodDevice{"GPU-ebe7", "NVIDIA", MiB(500), 3})) << "T5";
  EXPECT_TRUE((*five)[2].empty()) << "T5";
  EXPECT_EQ(containers_of("", kHami), 1U);
  EXPECT_EQ(containers_of("", Compatibility::kNone), 0U);
  EXPECT_FALSE(decode_pod_devices("uuid,type,100:;", kHami)) << "T6";
}

TEST(PodDevices, SparesTheEndAndNamesWhatIsBroken) {
  EXPECT_EQ(containers_of("a,b,1,2", Compatibility::kNone), 1U);
  EXPECT_EQ(containers_of(";a,b,1,2", Compatibility::kNone), 2U);
  for (const std::string_view text : {"a,b,x,2:;", "a,b,1,-2:;", "a,b,1:;", "a:;", "::;"}) {
    const auto devices = decode_pod_devices(text, Compatibility::kNone);
    ASSERT_FALSE(devices) << text;
    EXPECT_FALSE(devices.error().remedy.empty());
  }
}

TEST(PodDevices, HistoricKeysAreRead) {
  const vendors::Backend backend{.word = "NVIDIA",
                                 .keys = {.allocated = "now", .historic = {"4pd.io/vgpu-ids-new"}}};
  const auto devices = allocated_devices(backend, {{"4pd.io/vgpu-ids-new", "a,NVIDIA,1,2:;"}});
  ASSERT_TRUE(devices) << "Z9";
  ASSERT_TRUE(*devices) << "Z9";
  EXPECT_EQ((**devices)[0][0].uuid, "a") << "Z9";
  EXPECT_FALSE(*allocated_devices(backend, {{"other", "x"}}));
  const auto broken = allocated_devices(backend, {{"now", "x"}});
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find("annotation now"), std::string::npos);
}

TEST(MigInstances, ContractRows) {
  EXPECT_EQ(*decode_mig_instance("GPU-x[7-9]"), (MigInstance{"GPU-x", 7, 9})) << "T9";
  for (const std::string_view text :
       {"GPU-x7-9]", "GPU-x[7-9", "GPU-x[79]", "GPU-x[a-9]", "[-]", ""})
    EXPECT_FALSE(decode_mig_instance(text)) << "T9: " << text;
}

TEST(PartitionAllocations, ContractRows) {
  const std::vector<PartitionAllocation> allocations = {
      {.gpu_uuid = "GPU-a", .profile = "1g.10gb", .start = 3, .size = 1},
      {.container = 1,
       .gpu_uuid = "GPU-a",
       .profile = "2g.20gb",
       .size = 2,
       .instance = PartitionInstance{"MIG-1", 5, 0}}};
  EXPECT_EQ(*decode_partition_allocations(encode_partition_allocations(allocations)), allocations);
  constexpr std::string_view kStart =
      R"([{"containerIndex":0,"deviceIndex":0,"gpuUUID":"a","profile":"1g","placement":{"start":0,"size":1})";
  for (const std::string_view rest :
       {R"(,"migUUID":"m"}])", R"(,"migUUID":"m","gpuInstanceID":1}])",
        R"(},{"gpuUUID":"b","profile":"1g","placement":{}}])"})
    EXPECT_FALSE(decode_partition_allocations(std::string(kStart) + std::string(rest)))
        << "T10: " << rest;
  EXPECT_FALSE(decode_partition_allocations("{}"));
  EXPECT_FALSE(decode_partition_allocations(R"([{"gpuUUID":"b","profile":"1g"}])"));
}

RC_GTEST_PROP(PodDevices, DecodeUndoesEncode,
              (const std::vector<std::vector<std::pair<std::uint32_t, std::uint16_t>>>& amounts)) {
  PodDevices devices;
  for (const auto& container : amounts) {
    devices.emplace_back();
    for (const auto& [memory, compute] : container)
      devices.back().push_back(device("GPU-" + std::to_string(memory), memory, compute));
  }
  RC_ASSERT(*decode_pod_devices(encode_pod_devices(devices), Compatibility::kNone) == devices);
}

}  // namespace
}  // namespace melon::annotations

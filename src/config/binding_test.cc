// SPDX-License-Identifier: Apache-2.0
// What the built-in descriptors write when a pod is bound, and give its containers: the rows of
// each vendor that say so, by their ids.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "config/admission_fixture.h"
#include "vendors/template_text.h"

namespace melon::config {
namespace {

using vendors::ContainerSlices;
using vendors::Decision;
using vendors::DeviceSlice;

const vendors::Backend& backend_of(std::string_view word) {
  return built_in().backend(*built_in().find(word));
}

std::map<std::string, std::string> annotations(std::string_view word,
                                               std::vector<ContainerSlices> containers) {
  const Decision decision{
      .node = "n1", .unix_ns = 1'700'000'000'123'456'789, .containers = std::move(containers)};
  const auto written = fixed_annotations_of(backend_of(word), decision);
  EXPECT_TRUE(written) << written.error().message;
  return written ? *written : std::map<std::string, std::string>();
}

std::map<std::string, std::string> environment(std::string_view word,
                                               std::vector<DeviceSlice> devices) {
  const auto written =
      environment_of(backend_of(word), {.container = "c0", .devices = std::move(devices)});
  EXPECT_TRUE(written) << written.error().message;
  return written ? *written : std::map<std::string, std::string>();
}

TEST(Binding, Ascend) {
  const DeviceSlice slice{.uuid = "u0", .memory = MiB(32768), .template_name = "vir10_3c_32g"};
  const auto written = annotations("Ascend910B3", {{"c0", {slice}}});
  EXPECT_EQ(written.at("huawei.com/Ascend910B3"),
            R"([{"UUID":"u0","temp":"vir10_3c_32g","memory":32768}])")
      << "A1";
  EXPECT_EQ(written.at("predicate-time"), "1700000000");
  EXPECT_EQ(environment("Ascend910B3", {slice}).at("ASCEND_VNPU_SPECS"), "vir10_3c_32g") << "A1";
  const DeviceSlice soft{.uuid = "u0", .index = 2, .memory = MiB(10000), .compute = 30};
  EXPECT_EQ(annotations("Ascend910B3", {{"c0", {soft}}}).at("huawei.com/Ascend910B3"),
            R"([{"UUID":"u0","memory":10000,"core":30}])");
  EXPECT_EQ(words_of(environment("Ascend910B3", {soft})), "ASCEND_VISIBLE_DEVICES=2")
      << "A7: no template, no SPECS";
}

TEST(Binding, EnvironmentByMode) {
  const DeviceSlice part{.uuid = "GPU-a", .mode = "mps", .memory = MiB(3000), .compute = 30};
  const DeviceSlice other{.uuid = "GPU-b", .mode = "mps", .memory = MiB(2000)};
  EXPECT_EQ(words_of(environment("NVIDIA", {part, other})),
            "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE=30 CUDA_MPS_LOG_DIRECTORY=/var/log/nvidia-mps "
            "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT=0=3000M,1=2000M "
            "CUDA_MPS_PIPE_DIRECTORY=/tmp/nvidia-mps NVIDIA_VISIBLE_DEVICES=GPU-a,GPU-b");
  EXPECT_FALSE(environment("NVIDIA", {other}).contains("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"))
      << "no compute asked for: no limit";
  EXPECT_TRUE(environment("NVIDIA", {{.uuid = "GPU-a", .mode = "mig"}}).empty());
  const DeviceSlice soft{
      .uuid = "u0", .index = 2, .mode = "soft", .memory = MiB(10000), .compute = 30};
  EXPECT_EQ(words_of(environment("Ascend910B3", {soft})),
            "ASCEND_VISIBLE_DEVICES=2 NPU_MEM_QUOTA=10000 NPU_PRIORITY=30")
      << "A7";
}

TEST(Binding, Cambricon) {
  const DeviceSlice slice{.index = 0, .memory = MiB(5120), .compute = 30};
  const auto written = annotations("MLU", {{"c0", {}}, {"c1", {slice}}});
  EXPECT_EQ(written.at("CAMBRICON_DSMLU_PROFILE"), "0_30_20") << "C1, of the first that has one";
  EXPECT_EQ(written.at("CAMBRICON_DSMLU_ASSIGNED"), "false") << "C1";
  EXPECT_EQ(written.at("CAMBRICON_DSMLU_ASSIGHED"), "false") << "C1";
  const DeviceSlice whole{.index = 0, .memory = MiB(24576), .compute = 100};
  EXPECT_EQ(annotations("MLU", {{"c0", {whole}}}).at("CAMBRICON_DSMLU_PROFILE"), "0_100_96")
      << "C2";
  EXPECT_TRUE(annotations("MLU", {{"c0", {}}}).empty()) << "nothing for pods without devices";
}

TEST(Binding, IluvatarMooreThreads) {
  const auto legacy = annotations("Iluvatar", {{"a", {{.index = 7}}}, {"b", {}}});
  EXPECT_EQ(legacy.at("iluvatar.ai/predicate-gpu-idx-0"), "7") << "L5";
  EXPECT_FALSE(legacy.contains("iluvatar.ai/predicate-gpu-idx-1"));
  EXPECT_EQ(legacy.at("iluvatar.ai/gpu-assigned"), "false") << "L5";
  const DeviceSlice slice{.index = 0, .memory = MiB(16384), .compute = 8};
  EXPECT_EQ(annotations("Mthreads", {{"c0", {slice}}}).at("mthreads.com/gpu-index"), "0") << "M1";
  const auto two = annotations("Mthreads", {{"c0", {{.index = 1}, {.index = 0}}}});
  EXPECT_EQ(two.at("mthreads.com/gpu-index"), "1,0") << "M4";
  EXPECT_EQ(two.at("mthreads.com/predicate-node"), "n1");
  EXPECT_EQ(two.at("mthreads.com/predicate-time"), "1700000000123456789");
  const auto given = environment("Mthreads", {slice});
  EXPECT_EQ(given.at("MTHREADS_QOS_MEMORY_LIMIT"), "17179869184") << "M1";
  EXPECT_EQ(given.at("MTHREADS_QOS_COMPUTING_POWER_WEIGHT"), "8") << "M1";
}

TEST(Binding, MetaxEnflame) {
  const DeviceSlice slice{.uuid = "u0", .memory = MiB(4096), .compute = 60};
  EXPECT_EQ(annotations("Metax-SGPU", {{"c0", {slice}}}).at("metax-tech.com/gpu-devices-allocated"),
            R"([[{"uuid":"u0","compute":60,"vRam":4096}]])")
      << "X1";
  const DeviceSlice drs{.index = 0,
                        .memory = MiB(8192),
                        .template_name = "1g.8gb",
                        .profile_id = "0",
                        .slices = 1,
                        .minor = "0"};
  const auto written = annotations("Enflame-DRS", {{"c0", {drs}}});
  EXPECT_EQ(written.at("assigned-containers"),
            R"({"c0":{"allocated":false,"request":1,"profileID":"0","profileName":"1g.8gb"}})")
      << "E1";
  EXPECT_EQ(written.at("enflame.com/gcu-request-size"), "1") << "E1";
  EXPECT_EQ(written.at("enflame.com/gcu-assigned"), "false");
}

TEST(Binding, KunlunxinNeuron) {
  EXPECT_EQ(
      annotations("kunlun", {{"c0", {{.index = 6}, {.index = 7}}}}).at("BAIDU_COM_DEVICE_IDX"),
      "6,7");
  EXPECT_EQ(annotations("AWSNeuron", {{"c0", {{.index = 5, .compute = 3}}}}).at("AWS_NEURON_IDS"),
            "5")
      << "W1";
  const auto cores = [](std::vector<DeviceSlice> devices) {
    return annotations("AWSNeuron", {{"c0", std::move(devices)}});
  };
  EXPECT_EQ(cores({{.index = 0, .compute = 1, .by_compute = true}}).at("AWS_NEURON_IDS"), "0")
      << "W2";
  const auto second = cores({{.index = 0, .compute = 2, .by_compute = true}});
  EXPECT_EQ(second.at("AWS_NEURON_IDS"), "1") << "W2";
  EXPECT_EQ(second.at("NEURON_RESOURCE_TYPE"), "aws.amazon.com/neuroncore");
  EXPECT_EQ(second.at("NEURON_ALLOCATED"), "false");
  EXPECT_EQ(cores({{.index = 0, .compute = 3, .by_compute = true},
                   {.index = 1, .compute = 3, .by_compute = true}})
                .at("AWS_NEURON_IDS"),
            "0,1,2,3")
      << "W3";
}

TEST(Binding, EnvironmentOfContainers) {
  const DeviceSlice first{.uuid = "GPU-a", .memory = MiB(3000), .compute = 30};
  DeviceSlice second = first;
  second.uuid = "GPU-b";
  const auto nvidia = environment("NVIDIA", {first, second});
  EXPECT_EQ(nvidia.at("CUDA_DEVICE_MEMORY_LIMIT_0"), "3000m") << "N1";
  EXPECT_EQ(nvidia.at("CUDA_DEVICE_MEMORY_LIMIT_1"), "3000m");
  EXPECT_EQ(nvidia.at("CUDA_DEVICE_SM_LIMIT"), "30") << "N1";
  EXPECT_EQ(nvidia.at("NVIDIA_VISIBLE_DEVICES"), "GPU-a,GPU-b");
  EXPECT_EQ(
      environment("AMDGPU", {{.uuid = "u0", .memory = MiB(48000)}}).at("HIP_DEVICE_MEMORY_LIMIT"),
      "48000m")
      << "D1";
  EXPECT_EQ(environment("Intel", {{.minor = "0.0"}, {.minor = "0.1"}}).at("ZE_AFFINITY_MASK"),
            "0.0,0.1")
      << "T1, T2 of Intel";
  EXPECT_TRUE(environment("NVIDIA", {}).empty());
}

TEST(Binding, TextIsEscaped) {
  const auto written = annotations("Metax-SGPU", {{"c0", {{.uuid = "a\"\\\n"}}}});
  EXPECT_EQ(written.at("metax-tech.com/gpu-devices-allocated"), R"([[{"uuid":"a\"\\\u000a"}]])");
}

RC_GTEST_PROP(Admission, TwiceIsOnce,
              (std::uint8_t count, std::uint16_t memory, std::uint8_t compute,
               std::uint8_t which)) {
  // Every backend, with amounts at random: what admission wrote, it leaves as it is.
  const auto& backends = built_in().backends();
  const vendors::ResourceNames& names = backends[which % backends.size()].resources;
  vendors::PodSpec pod = pod_of({""});
  auto& limits = pod.containers[0].limits;
  if (count % 4 != 3) limits[names.count] = std::to_string(count % 5);
  if (!names.memory.empty() && memory % 3 != 0) limits[names.memory] = std::to_string(memory);
  if (!names.compute.empty() && compute % 2 == 0) limits[names.compute] = std::to_string(compute);
  for (const auto mode : {vendors::Compatibility::kNone, vendors::Compatibility::kHami29,
                          vendors::Compatibility::kHami210}) {
    const auto once = vendors::admit(pod, built_in(), {.mode = mode});
    if (!once) continue;
    const auto twice = vendors::admit(once->pod, built_in(), {.mode = mode});
    RC_ASSERT(twice.has_value());
    RC_ASSERT(twice->pod == once->pod);
    RC_ASSERT(twice->demands == once->demands);
  }
}

}  // namespace
}  // namespace melon::config

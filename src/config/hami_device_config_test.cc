// SPDX-License-Identifier: Apache-2.0
// HAMi's device-config.yaml over the built-in descriptors.
#include "config/hami_device_config.h"

#include <gtest/gtest.h>

#include "vendors/admission.h"

namespace melon::config {
namespace {

constexpr std::string_view kConfig = R"(nvidia:
  resourceCountName: acme.com/gpu
  resourceMemoryName: acme.com/gpumem
  defaultMemory: 512
  defaultGPUNum: 2
  memoryFactor: 4
  gpuCorePolicy: force
  deviceSplitCount: 10
mthreads:
  resourceCountName: acme.com/mt
  memoryPerCard: [48]
vnpus:
  hamiVnpuCore: true
  configs:
  - chipName: 910B3
    commonWord: Ascend910B3
    resourceName: acme.com/npu
    memoryAllocatable: 65536
    memoryCapacity: 65536
    aiCore: 20
    aiCPU: 7
    templates:
    - {name: half, memory: 30000, aiCore: 10, aiCPU: 3}
iluvatars:
- {chipName: MR-V100, commonWord: MR-V100, resourceCountName: acme.com/ilu}
)";

std::vector<vendors::Descriptor> builtin() { return load_descriptors("").value(); }

const vendors::Backend& backend_of(const vendors::Catalogue& catalogue, std::string_view word) {
  return catalogue.backend(*catalogue.find(word));
}

void expect_applied(const TextFile& file) {
  auto descriptors = builtin();
  const auto notes = apply_hami_device_config(file, descriptors);
  ASSERT_TRUE(notes) << notes.error().message;
  ASSERT_EQ(notes->size(), 1U) << "deviceSplitCount";
  EXPECT_NE(notes->front().find(":8: nvidia.deviceSplitCount"), std::string::npos)
      << notes->front();
  const vendors::Catalogue catalogue(descriptors);
  const vendors::Backend& nvidia = backend_of(catalogue, "NVIDIA");
  EXPECT_EQ(nvidia.resources.memory, "acme.com/gpumem");
  EXPECT_EQ(nvidia.resources.compute, "nvidia.com/gpucores") << "what is not named stays";
  EXPECT_EQ(nvidia.memory.default_mib, 512);
  EXPECT_EQ(nvidia.memory.unit_mib, 4);
  EXPECT_EQ(nvidia.count.inject, 2);
  EXPECT_EQ(nvidia.admission.environment.at("GPU_CORE_UTILIZATION_POLICY"), "force");
  EXPECT_EQ(backend_of(catalogue, "Mthreads").count.whole_memory_units, 48);
  EXPECT_EQ(backend_of(catalogue, "MR-V100").resources.count, "acme.com/ilu");
  ASSERT_EQ(backend_of(catalogue, "Ascend910B3").nodes.size(), 1U);
  EXPECT_EQ(backend_of(catalogue, "Ascend910B3").nodes[0].mode, "soft");
  EXPECT_TRUE(backend_of(catalogue, "Ascend910B2").nodes.empty()) << "it is not listed";
  vendors::PodSpec pod{.containers = {{.name = "c0", .limits = {{"acme.com/gpumem", "100"}}}}};
  const auto admission = vendors::admit(pod, catalogue, {});
  ASSERT_TRUE(admission);
  EXPECT_EQ(admission->demands[0][0].memory, MiB(400));
  pod.containers[0].limits = {{"acme.com/npu", "1"}, {"huawei.com/Ascend910B3-memory", "1"}};
  const auto npu = vendors::admit(pod, catalogue, {});
  ASSERT_TRUE(npu);
  EXPECT_EQ(npu->demands[0][0].template_name, "half");
}

TEST(HamiDeviceConfig, RenamesDefaultsUnitsTemplates) {
  expect_applied({"device-config.yaml", std::string(kConfig)});
}

TEST(HamiDeviceConfig, TheConfigMapThatHoldsIt) {
  std::string text = "apiVersion: v1\nkind: ConfigMap\ndata:\n  device-config.yaml: |\n    ";
  for (const char c : kConfig) text += c == '\n' ? "\n    " : std::string(1, c);
  expect_applied({"map.yaml", text});
}

/// "NODE mode hidden environment" of each node's settings.
std::vector<std::string> settings_of(std::vector<TextFile> files) {
  auto descriptors = builtin();
  for (const TextFile& file : files) {
    const auto notes = apply_hami_device_config(file, descriptors);
    EXPECT_TRUE(notes) << notes.error().message;
  }
  std::vector<std::string> texts;
  const vendors::Catalogue catalogue(descriptors);
  for (const vendors::NodeSettings& one : backend_of(catalogue, "NVIDIA").nodes) {
    std::string text = one.node + " " + one.mode;
    for (const std::string& uuid : one.hidden_uuids) text += " " + uuid;
    for (const std::int64_t index : one.hidden_indices) text += " " + std::to_string(index);
    for (const auto& [name, value] : one.environment) text += " " + name + "=" + value;
    texts.push_back(text);
  }
  return texts;
}

TEST(HamiDeviceConfig, SettingsOfNodes) {
  const TextFile all = {"device-config.yaml",
                        "nvidia: {deviceMemoryScaling: 1.5, disablecorelimit: \"false\"}"};
  const TextFile nodes = {"config.json", R"({"nodeconfig": [
    {"name": "a", "operatingmode": "mig", "devicememoryscaling": 1, "devicesplitcount": 4,
     "filterdevices": {"uuid": ["GPU-x"], "index": [0, 2]}},
    {"name": "b", "libcudaloglevel": "3", "disablecorelimit": true}]})"};
  const std::vector<std::string> expected = {
      "  CUDA_OVERSUBSCRIBE=true", "a mig GPU-x 0 2",
      "b  CUDA_OVERSUBSCRIBE=true GPU_CORE_UTILIZATION_POLICY=disable LIBCUDA_LOG_LEVEL=3"};
  EXPECT_EQ(settings_of({all, nodes}), expected);
  EXPECT_EQ(settings_of({{"map.yaml",
                          "data:\n  config.json: |\n    {\"nodeconfig\": "
                          "[{\"name\": \"c\", \"operatingmode\": \"mps\"}]}\n"}}),
            (std::vector<std::string>{" ", "c mps"}));
  auto descriptors = builtin();
  const auto notes = apply_hami_device_config(nodes, descriptors);
  ASSERT_TRUE(notes);
  ASSERT_EQ(notes->size(), 1U);
  EXPECT_NE(notes->front().find("devicesplitcount is not used: it is in what nodes register"),
            std::string::npos)
      << notes->front();
}

TEST(HamiDeviceConfig, RefusesWithPlaceAndRemedy) {
  struct Case {
    std::string_view text;
    std::string_view start;
  };
  constexpr Case kCases[] = {
      {"[1]", "d:1: no section"},
      {"nvidia:\n  defaultMemory: lots", "d:2: defaultMemory: "},
      {"nvidia:\n  memoryFactor: 0", "d:2: memoryFactor is 0"},
      {"iluvatars:\n- {chipName: x}", "d:2: commonWord is missing"},
      {"iluvatars:\n- {commonWord: x, resourceCountName: a.com/b}", "d:2: no descriptor has"},
      {"nvidia: {resourceCountName: nvidia.com/gpumem}", "d:1: makes nvidia.yaml break a rule"},
      {"nvidia: {resourceCountName: gpu}", "d:1: makes nvidia.yaml break a rule"},
      {"nodeconfig: {name: a}", "d:1: nodeconfig is no list"},
      {"nodeconfig: [{operatingmode: mig}]", "d:1: name is missing"},
      {"nodeconfig:\n- name: a\n  devicememoryscaling: lots", "d:3: devicememoryscaling 'lots' is"},
      {"nodeconfig: [{name: a, filterdevices: {serial: [x]}}]", "d:1: 'serial' is no field of"},
      {"nodeconfig: [{name: a, filterdevices: {index: [x]}}]", "d:1: "},
      {"data: {x: y}", "d:1: data has no device-config.yaml"},
      {"nvidia: {", "d:1: not YAML"},
  };
  for (const Case& one : kCases) {
    auto descriptors = builtin();
    const auto notes = apply_hami_device_config({"d", std::string(one.text)}, descriptors);
    ASSERT_FALSE(notes) << one.text;
    EXPECT_TRUE(notes.error().message.starts_with(one.start)) << notes.error().message;
    EXPECT_FALSE(notes.error().remedy.empty());
  }
}

}  // namespace
}  // namespace melon::config

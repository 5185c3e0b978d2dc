// SPDX-License-Identifier: Apache-2.0
// What the releases of HAMi, and what was before them, write on nodes and pods is read: which
// devices there are, what of them is held, whether they are still there.
#include <gtest/gtest.h>

#include "config/descriptors.h"
#include "kube/read_objects.h"
#include "kube/what_if.h"

namespace melon::kube {
namespace {

constexpr std::int64_t kNow = 1'767'225'600;  // 2026-01-01 00:00:00 UTC

/// A node with one free device of 8000 MiB and a pod that holds 7000 of it, in one release's words.
struct Release {
  const char* name;
  const char* node;       // annotations that register the devices
  const char* pod;        // annotations that hold 7000 MiB
  const char* limits;     // that ask for MEMORY MiB
  const char* reported;   // a handshake while the plugin lives
  const char* abandoned;  // one that nobody has answered for long; null: it has none
};

std::ostream& operator<<(std::ostream& out, const Release& release) { return out << release.name; }

constexpr const char* kNvidia = "nvidia.com/gpu: 1, nvidia.com/gpumem: MEMORY";
constexpr const char* kAllocated =
    "hami.io/vgpu-devices-allocated: 'GPU-a,NVIDIA,7000,30:;', hami.io/vgpu-node: node, "
    "hami.io/bind-phase: success";
constexpr const char* kReported27 = "hami.io/node-handshake: 'Reported_2025-12-31 23:59:50'";
constexpr const char* kAbandoned = "hami.io/node-handshake: 'Requesting_2025-12-31 23:50:00'";
constexpr const char* kRequested = "hami.io/node-handshake: 'Requesting_2025-12-31 23:59:50'";

const Release kReleases[] = {
    {"2.7",
     "hami.io/node-nvidia-register: 'GPU-a,10,8000,100,NVIDIA-NVIDIA T4,0,true,0,hami-core:'",
     kAllocated, kNvidia, kReported27, kAbandoned},
    {"2.7 without index and mode",
     "hami.io/node-nvidia-register: 'GPU-a,10,8000,100,NVIDIA-Tesla T4,0,true:'", kAllocated,
     kNvidia, "hami.io/node-handshake: 'Reported 2025-12-31 23:59:50.1 +0000 UTC'", kAbandoned},
    {"2.7 after a deletion",
     "hami.io/node-nvidia-register: 'GPU-a,10,8000,100,NVIDIA-Tesla T4,0,true:'", kAllocated,
     kNvidia, "hami.io/node-handshake: 'Deleted_2025-12-31 23:50:00'", kAbandoned},
    {"2.8",
     R"(hami.io/node-nvidia-register: '[{"id":"GPU-a","count":10,"devmem":8000,"devcore":100,"type":"NVIDIA T4","mode":"hami-core","health":true}]')",
     kAllocated, kNvidia, kRequested, kAbandoned},
    {"2.9",
     R"(hami.io/node-nvidia-register: '[{"id":"GPU-a","count":10,"devmem":8000,"devcore":100,"type":"NVIDIA T4","mode":"hami-core","health":true,"migtemplate":null,"devicevendor":"NVIDIA","custominfo":{"x":1},"devicepairscore":{"uuid":"GPU-a"}}]')",
     kAllocated, kNvidia, kRequested, kAbandoned},
    {"2.9, an initial container",
     R"(hami.io/node-nvidia-register: '[{"id":"GPU-a","count":10,"devmem":8000,"devcore":100,"type":"NVIDIA T4","health":true}]')",
     "hami.io/vgpu-devices-allocated: ';GPU-a,NVIDIA,7000,30:;'", kNvidia, kRequested, kAbandoned},
    {"2.9, an instance of a card that is cut",
     R"(hami.io/node-nvidia-register: '[{"id":"GPU-a","count":10,"devmem":8000,"devcore":100,"type":"NVIDIA T4","health":true}]')",
     "hami.io/vgpu-devices-allocated: 'GPU-a[1-0],NVIDIA,7000,30:;'", kNvidia, kRequested,
     kAbandoned},
    {"2.10",
     R"(hami.io/node-nvidia-register: '[{"id":"GPU-a","count":10,"devmem":8000,"devcore":100,"type":"NVIDIA T4","mode":"hami-core","health":true,"migProfiles":[]}]', hami.io/device-cordon: 'GPU-other')",
     kAllocated, kNvidia, "other: key", kAbandoned},
    {"before 2.3, of 4pd.io",
     "4pd.io/node-nvidia-register: 'GPU-a,10,8000,100,NVIDIA-Tesla T4,0,true:'",
     "4pd.io/vgpu-ids-new: 'GPU-a,NVIDIA,7000,30:;', 4pd.io/vgpu-node: node", kNvidia,
     "4pd.io/node-handshake: 'Reported 2025.12.31 23:59:50'",
     "4pd.io/node-handshake: 'Requesting_2025.12.31 23:50:00'"},
    {"of Volcano", "volcano.sh/node-vgpu-register: 'GPU-a,10,8000,NVIDIA-Tesla T4,true,hami-core:'",
     "volcano.sh/vgpu-ids-new: 'GPU-a,NVIDIA,7000,30:;'",
     "volcano.sh/vgpu-number: 1, volcano.sh/vgpu-memory: MEMORY", "other: key", nullptr},
    {"Hygon, every release", "hami.io/node-dcu-register: 'DCU-x,4,8000,100,DCU-K100_AI,0,true:'",
     "hami.io/dcu-devices-allocated: 'DCU-x,DCU,7000,30:;'",
     "hygon.com/dcunum: 1, hygon.com/dcucores: 10, hygon.com/dcumem: MEMORY",
     "hami.io/node-handshake-dcu: 'Reported_2025-12-31 23:59:50'",
     "hami.io/node-handshake-dcu: 'Requesting_2025-12-31 23:50:00'"},
    {"Kunlunxin, JSON in the delimited releases too",
     R"(hami.io/node-register-xpu: '[{"id":"x0","count":4,"devmem":49152,"devcore":100,"type":"XPU","health":true}]')",
     "hami.io/xpu-devices-allocated: 'x0,XPU,24576,25:;'",
     "kunlunxin.com/vxpu: 1, kunlunxin.com/vxpu-memory: MEMORY", "other: key",
     "hami.io/node-handshake-xpu: 'Requesting_2025-12-31 23:50:00'"},
};

class Releases : public testing::TestWithParam<Release> {
 protected:
  /// How much memory a pod may ask for beside what the pod of the release holds; -1: no device.
  static std::int64_t most_free(const std::string& handshake, bool with_pod) {
    const Release& release = GetParam();
    const std::string yaml =
        "{kind: Node, metadata: {name: node, annotations: {" + std::string(release.node) + ", " +
        handshake + "}}}\n---\n" +
        (with_pod ? "{kind: Pod, metadata: {name: r, annotations: {" + std::string(release.pod) +
                        "}}, spec: {nodeName: node, initContainers: [{name: i}], containers: "
                        "[{name: c}]}}\n"
                  : "");
    Objects objects;
    EXPECT_TRUE(read_objects("t.yaml", yaml, objects));
    static const auto kDescriptors = config::load_descriptors("").value();
    WhatIf what_if = WhatIf::make(objects, kDescriptors, {.unix_seconds = kNow}).value();
    for (const std::int64_t mib : {49152, 24576, 8000, 1000})
      if (what_if.ask(asking(mib)).is_placed()) return mib;
    return -1;
  }

 private:
  static Pod asking(std::int64_t mib) {
    std::string limits = GetParam().limits;
    limits.replace(limits.find("MEMORY"), 6, std::to_string(mib));
    Objects objects;
    EXPECT_TRUE(read_objects("p.yaml",
                             "{kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, "
                             "resources: {limits: {" +
                                 limits + "}}}]}}",
                             objects));
    return objects.pods.at(0);
  }
};

TEST_P(Releases, AreRead) {
  const bool is_tiered = std::string(GetParam().node).find("49152") != std::string::npos;
  EXPECT_EQ(most_free(GetParam().reported, false), is_tiered ? 49152 : 8000) << "registration";
  EXPECT_EQ(most_free(GetParam().reported, true), is_tiered ? 24576 : 1000) << "allocation";
}

TEST_P(Releases, HandshakesThatNobodyAnswersAreSeen) {
  if (GetParam().abandoned == nullptr) return;
  EXPECT_EQ(most_free(GetParam().abandoned, false), -1);
}

INSTANTIATE_TEST_SUITE_P(Hami, Releases, testing::ValuesIn(kReleases));

}  // namespace
}  // namespace melon::kube

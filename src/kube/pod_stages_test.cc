// SPDX-License-Identifier: Apache-2.0
// Pods that come, pods that the cluster has admitted, and pods that name their node.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/descriptors.h"
#include "kube/read_objects.h"
#include "kube/what_if.h"

namespace melon::kube {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using vendors::Compatibility;

constexpr const char* kNode =
    "{kind: Node, metadata: {name: gpu, annotations: {hami.io/node-nvidia-register: "
    "'GPU-a,10,11264,100,NVIDIA T4,0,true:'}}}";

WhatIf cluster(Compatibility compat) {
  static const auto kDescriptors = config::load_descriptors("").value();
  Objects objects;
  EXPECT_TRUE(read_objects("node.yaml", kNode, objects));
  return WhatIf::make(objects, kDescriptors, {.compat = compat}).value();
}

/// `metadata` and `spec`: further fields; `limits` of its only container.
Pod pod(const std::string& limits, const std::string& metadata = "", const std::string& spec = "") {
  Objects objects;
  EXPECT_TRUE(read_objects("pod.yaml",
                           "{kind: Pod, metadata: {name: p" + metadata + "}, spec: {" + spec +
                               "containers: [{name: main, resources: {limits: {" + limits +
                               "}}}]}}",
                           objects));
  EXPECT_THAT(objects.pods, SizeIs(1));
  return objects.pods.at(0);
}

constexpr const char* kAdmitted = ", uid: 2b1c";

TEST(PodStages, T18PercentagesOfPodsThatExistAreBounded) {
  WhatIf what_if = cluster(Compatibility::kHami210);
  for (const std::string percent : {"150", "101", "4294967346", "0", "-1"}) {
    const std::string limits = "nvidia.com/gpu: 1, nvidia.com/gpumem-percentage: " + percent;
    const Answer answer = what_if.ask(pod(limits, kAdmitted));
    ASSERT_TRUE(answer.is_placed()) << percent << ": " << answer.refusal;
    EXPECT_EQ(answer.containers[0].devices[0].memory_mib, 11264) << percent;
    EXPECT_EQ(answer.containers[0].devices[0].compute, 0) << "what admission adds is not read in";
  }
}

TEST(PodStages, T18PercentagesOfPodsThatComeAreRefused) {
  for (const Compatibility compat : {Compatibility::kNone, Compatibility::kHami210}) {
    const Answer answer =
        cluster(compat).ask(pod("nvidia.com/gpu: 1, nvidia.com/gpumem-percentage: 101"));
    EXPECT_THAT(answer.refusal, HasSubstr("not a percentage")) << "N5";
  }
  EXPECT_FALSE(cluster(Compatibility::kNone)
                   .ask(pod("nvidia.com/gpu: 1, nvidia.com/gpumem-percentage: 101", kAdmitted))
                   .is_placed())
      << "by own rules a pod asks for the same, whoever admitted it";
}

TEST(PodStages, PodsThatExistHaveTheCountThatAdmissionGaveThem) {
  WhatIf what_if = cluster(Compatibility::kHami29);
  EXPECT_THAT(what_if.ask(pod("nvidia.com/gpumem: 1000", kAdmitted)).containers, IsEmpty());
  EXPECT_THAT(what_if.ask(pod("nvidia.com/gpumem: 1000")).containers, SizeIs(1));
}

TEST(PodStages, T30DevicesAreNotGivenWhereThePodNamesItsNode) {
  for (const Compatibility compat : {Compatibility::kNone, Compatibility::kHami210}) {
    WhatIf what_if = cluster(compat);
    const std::string limits = "nvidia.com/gpu: 1, nvidia.com/gpumem: 1000";
    const Answer refused = what_if.ask(pod(limits, "", "nodeName: gpu, "));
    EXPECT_THAT(refused.refusal, HasSubstr("pod has node assigned")) << "T30";
    EXPECT_THAT(refused.remedy, HasSubstr("nodeSelector"));
    EXPECT_TRUE(what_if.ask(pod("cpu: 1", "", "nodeName: gpu, ")).is_placed()) << "T30: no device";
    EXPECT_TRUE(what_if.ask(pod(limits, kAdmitted, "nodeName: gpu, ")).is_placed())
        << "a pod that runs, as the cluster prints it, may be asked about";
  }
}

}  // namespace
}  // namespace melon::kube

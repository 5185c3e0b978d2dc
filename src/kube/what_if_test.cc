// SPDX-License-Identifier: Apache-2.0
// What would become of pods: placed for real by the engine, on clusters as Kubernetes prints them.
// What a pod gets is in tests/scenarios; here is how questions are asked.
#include "kube/what_if.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "config/descriptors.h"
#include "kube/read_objects.h"
#include "kube/scenario.h"

namespace melon::kube {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::vector<vendors::Descriptor>& built_in() {
  static const auto kDescriptors = config::load_descriptors("").value();
  return kDescriptors;
}

Objects objects_of(const std::string& yaml) {
  Objects objects;
  const auto read = read_objects("t.yaml", yaml, objects);
  EXPECT_TRUE(read) << read.error().message;
  return objects;
}

WhatIf cluster_of(const std::string& yaml, const WhatIfOptions& options = {}) {
  return WhatIf::make(objects_of(yaml), built_in(), options).value();
}

Pod pod_of(const std::string& name, const std::string& limits) {
  return objects_of("{kind: Pod, metadata: {name: " + name +
                    "}, spec: {containers: [{name: main, resources: {limits: {" + limits + "}}}]}}")
      .pods.at(0);
}

const std::string kGpuNode =
    "{kind: Node, metadata: {name: gpu, annotations: {hami.io/node-nvidia-register: "
    "'GPU-a,10,8000,100,NVIDIA T4,0,true:'}}}\n";

TEST(WhatIf, AskingLeavesNothingAndPlacingStays) {
  WhatIf what_if = cluster_of(kGpuNode);
  const Pod pod = pod_of("p", "nvidia.com/gpu: 1, nvidia.com/gpumem: 5000");
  EXPECT_EQ(what_if.ask(pod).node, "gpu");
  EXPECT_EQ(what_if.ask(pod).node, "gpu");
  EXPECT_EQ(what_if.place(pod).node, "gpu");
  const Answer none = what_if.ask(pod);
  EXPECT_FALSE(none.is_placed());
  ASSERT_THAT(none.reasons, SizeIs(1));
  EXPECT_EQ(none.reasons[0].text, "5000 MiB asked, most free device has 3000");
  EXPECT_EQ(none.reasons[0].nodes, 1);
  EXPECT_THAT(none.nearest, HasSubstr("3000 MiB instead of 5000"));
}

TEST(WhatIf, AGangGoesAsAWholeOrNotAtAll) {
  WhatIf what_if = cluster_of(kGpuNode);
  const Pod pod = pod_of("p", "nvidia.com/gpu: 1, nvidia.com/gpumem: 3000");
  EXPECT_TRUE(what_if.gang(pod, 2).is_placed());
  const GangFit gang = what_if.gang(pod, 3);
  EXPECT_FALSE(gang.is_placed());
  EXPECT_EQ(gang.fit, 2);
  ASSERT_TRUE(gang.next);
  ASSERT_THAT(gang.next->reasons, SizeIs(1));
  EXPECT_EQ(gang.next->reasons[0].text, "3000 MiB asked, most free device has 2000");
  EXPECT_EQ(what_if.capacity(pod).fit, 2) << "asking leaves nothing";
}

TEST(WhatIf, PreemptionKeepsBudgets) {
  const std::string running =
      "---\n{kind: Pod, metadata: {name: web, labels: {app: web}, annotations: "
      "{hami.io/vgpu-devices-allocated: 'GPU-a,NVIDIA,6000,30:;'}}, "
      "spec: {nodeName: gpu, priority: 1, containers: [{name: main}]}}\n";
  const auto budget = [](int allowed) {
    return "---\n{kind: PodDisruptionBudget, metadata: {name: b}, spec: {selector: {matchLabels: "
           "{app: web}}}, status: {disruptionsAllowed: " +
           std::to_string(allowed) + "}}\n";
  };
  Pod pod = pod_of("p", "nvidia.com/gpu: 1, nvidia.com/gpumem: 5000");
  pod.priority = 2;
  const Answer answer = cluster_of(kGpuNode + running + budget(1)).ask_preempting(pod).value();
  ASSERT_TRUE(answer.preemption);
  EXPECT_EQ(answer.preemption->node, "gpu");
  EXPECT_THAT(answer.preemption->pods, ElementsAre("default/web"));
  EXPECT_FALSE(cluster_of(kGpuNode + running + budget(0)).ask_preempting(pod).value().preemption);
  pod.priority = 1;
  EXPECT_FALSE(cluster_of(kGpuNode + running).ask_preempting(pod).value().preemption);
}

/// What is on the only device of kGpuNode, all of it.
const std::string kFull =
    "---\n{kind: Pod, metadata: {name: web, annotations: "
    "{hami.io/vgpu-devices-allocated: 'GPU-a,NVIDIA,8000,30:;'}}, "
    "spec: {nodeName: gpu, containers: [{name: main}]}}\n";

TEST(WhatIf, PreemptionAndMovesAreRefusedWhereHamiDecides) {
  Pod pod = pod_of("p", "nvidia.com/gpu: 1, nvidia.com/gpumem: 5000");
  pod.priority = 2;
  WhatIf what_if = cluster_of(kGpuNode + kFull, {.compat = vendors::Compatibility::kHami29});
  const auto answer = what_if.ask_preempting(pod);
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("--preempt"));
  EXPECT_THAT(answer.error().message, HasSubstr("hami-2.9"));
  EXPECT_FALSE(what_if.defragment(1));
  const auto played = play_scenario(
      "s.yaml",
      "name: x\ncompat: hami-2.9\nnodes: [{name: n}]\npods: [{pod: {name: p}, expect: "
      "{preemption: []}}]",
      built_in());
  ASSERT_TRUE(played);
  EXPECT_THAT(played->failures, ElementsAre(HasSubstr("--preempt")));
}

TEST(WhatIf, NobodyIsEndedForAQuota) {
  for (const char* const amount : {"gpumem: 5000", "gpumem-percentage: 60"}) {
    Pod pod = pod_of("p", std::string("nvidia.com/gpu: 1, nvidia.com/") + amount);
    pod.priority = 2;
    const auto quota = [](int memory) {
      return "---\n{kind: ResourceQuota, metadata: {name: q}, spec: {hard: "
             "{limits.nvidia.com/gpumem: " +
             std::to_string(memory) + "}}}\n";
    };
    const Answer none = cluster_of(kGpuNode + kFull + quota(10'000)).ask_preempting(pod).value();
    EXPECT_FALSE(none.preemption) << amount;
    ASSERT_FALSE(none.reasons.empty());
    EXPECT_THAT(none.reasons[0].text, HasSubstr("quota of namespace default"));
    EXPECT_TRUE(cluster_of(kGpuNode + kFull + quota(20'000)).ask_preempting(pod).value().preemption)
        << amount;
  }
}

TEST(WhatIf, ABudgetThatCannotBeReadAllowsNone) {
  Pod pod = pod_of("p", "nvidia.com/gpu: 1, nvidia.com/gpumem: 5000");
  pod.priority = 2;
  std::string labelled = kFull;
  labelled.replace(labelled.find("name: web"), 9, "name: web, labels: {app: web}");
  const auto budget = [](const std::string& spec, const std::string& status) {
    return "---\n{kind: PodDisruptionBudget, metadata: {name: b}, spec: {selector: {matchLabels: "
           "{app: web}}" +
           spec + "}, status: {" + status + "}}\n";
  };
  const std::pair<const char*, const char*> unreadable[] = {
      {", minAvailable: some", ""}, {", maxUnavailable: [1]", ""}, {"", "disruptionsAllowed: -1"}};
  for (const auto& [spec, status] : unreadable) {
    const Objects objects = objects_of(kGpuNode + labelled + budget(spec, status));
    EXPECT_THAT(objects.set_aside, SizeIs(1)) << spec << status;
    WhatIf what_if = WhatIf::make(objects, built_in(), {}).value();
    EXPECT_FALSE(what_if.ask_preempting(pod).value().preemption) << spec << status;
  }
  EXPECT_TRUE(cluster_of(kGpuNode + labelled + budget(", maxUnavailable: 1", ""))
                  .ask_preempting(pod)
                  .value()
                  .preemption);
}

TEST(WhatIf, PriorityIsThatOfTheClassWhereThePodSaysNone) {
  const std::string classes =
      "---\n{kind: PriorityClass, metadata: {name: low}, value: 5}\n"
      "---\n{kind: PriorityClass, metadata: {name: high}, value: 10}\n"
      "---\n{kind: PriorityClass, metadata: {name: polite}, value: 10, preemptionPolicy: Never}\n";
  const auto running = [&](const std::string& spec) {
    std::string text = kFull;
    text.replace(text.find("nodeName: gpu"), 13, "nodeName: gpu, " + spec);
    return kGpuNode + classes + text;
  };
  const auto answer = [&](const std::string& runs, const std::string& asks) {
    const Pod pod = objects_of("{kind: Pod, metadata: {name: p}, spec: {" + asks +
                               ", containers: [{name: main, resources: {limits: "
                               "{nvidia.com/gpu: 1, nvidia.com/gpumem: 5000}}}]}}")
                        .pods.at(0);
    return cluster_of(running(runs)).ask_preempting(pod).value();
  };
  const std::string low = "priorityClassName: low";
  EXPECT_TRUE(answer(low, "priorityClassName: high").preemption);
  EXPECT_FALSE(answer(low, "priorityClassName: low").preemption);
  EXPECT_FALSE(answer(low, "priority: 4, priorityClassName: high").preemption);
  EXPECT_TRUE(
      answer("priority: 1999999999", "priorityClassName: system-cluster-critical").preemption);
  EXPECT_TRUE(answer("priorityClassName: system-cluster-critical",
                     "priorityClassName: system-node-critical")
                  .preemption);
  EXPECT_FALSE(answer("priorityClassName: unheard", "priority: 2000000000").preemption);
  const Answer unknown = answer(low, "priorityClassName: unheard");
  EXPECT_FALSE(unknown.preemption);
  EXPECT_THAT(unknown.not_evaluated, ElementsAre("priority class unheard"));
  for (const char* const never :
       {"priorityClassName: polite", "priority: 9, preemptionPolicy: Never"}) {
    const Answer none = answer(low, never);
    EXPECT_FALSE(none.preemption);
    ASSERT_FALSE(none.reasons.empty());
    EXPECT_THAT(none.reasons[0].text, HasSubstr("preemptionPolicy Never"));
  }
  const std::string by_default =
      "---\n{kind: PriorityClass, metadata: {name: usual}, value: 7, globalDefault: true}\n";
  Pod pod = pod_of("p", "nvidia.com/gpu: 1, nvidia.com/gpumem: 5000");
  EXPECT_TRUE(cluster_of(running(low) + by_default).ask_preempting(pod).value().preemption);
  EXPECT_FALSE(cluster_of(running(low)).ask_preempting(pod).value().preemption);
}

TEST(WhatIf, WhoEndsAlreadyIsNoVictim) {
  Pod pod = pod_of("p", "nvidia.com/gpu: 1, nvidia.com/gpumem: 5000");
  pod.priority = 2;
  std::string ending = kFull;
  ending.replace(ending.find("name: web"), 9,
                 "name: web, deletionTimestamp: '2026-01-01T00:00:00Z'");
  EXPECT_TRUE(cluster_of(kGpuNode + kFull).ask_preempting(pod).value().preemption);
  EXPECT_FALSE(cluster_of(kGpuNode + ending).ask_preempting(pod).value().preemption);
}

TEST(WhatIf, CapacityCountsSaysWhatBlocksAndLeavesNothing) {
  WhatIf what_if = cluster_of(kGpuNode);
  const Pod pod = pod_of("p", "nvidia.com/gpu: 1, nvidia.com/gpumem: 3000");
  for (int again = 0; again < 2; ++again) {
    const Capacity capacity = what_if.capacity(pod);
    EXPECT_EQ(capacity.fit, 2);
    EXPECT_THAT(capacity.by_node, ElementsAre(Reason{"gpu", 2, "gpu"}));
    ASSERT_THAT(capacity.next.reasons, SizeIs(1));
    EXPECT_EQ(capacity.next.reasons[0].text, "3000 MiB asked, most free device has 2000");
  }
}

TEST(WhatIf, PolicyIsFragmentationOnceSomethingRuns) {
  EXPECT_EQ(cluster_of(kGpuNode).ask(pod_of("p", "nvidia.com/gpu: 1")).policy, "binpack");
  const std::string running =
      "---\n{kind: Pod, metadata: {name: r, annotations: {hami.io/vgpu-devices-allocated: "
      "'GPU-a,NVIDIA,1000,5:;'}}, spec: {nodeName: gpu, containers: [{name: c, resources: "
      "{limits: {nvidia.com/gpu: 1, nvidia.com/gpumem: 1000, nvidia.com/gpucores: 5}}}]}}";
  const Answer answer =
      cluster_of(kGpuNode + running).ask(pod_of("p", "nvidia.com/gpu: 1, nvidia.com/gpumem: 1"));
  EXPECT_EQ(answer.policy, "fragmentation");
  EXPECT_THAT(answer.policy_reason, HasSubstr("1 shape of pods that run"));
  EXPECT_EQ(cluster_of(kGpuNode, {.policy = "spread"}).ask(pod_of("p", "cpu: 1")).policy_reason,
            "asked for");
  EXPECT_FALSE(WhatIf::make({}, built_in(), {.policy = "luck"}));
}

TEST(WhatIf, HistoryIsThatOfTheLastDaysAndTellsItsAge) {
  const auto pod = [](const std::string& name, const std::string& started, const char* memory) {
    return "---\n{kind: Pod, metadata: {name: " + name +
           ", creationTimestamp: '2020-01-01T00:00:00Z'}, "
           "status: {phase: Succeeded, startTime: '" +
           started +
           "'}, spec: {nodeName: gpu, containers: "
           "[{name: c, resources: {limits: {nvidia.com/gpu: 1, nvidia.com/gpumem: " +
           memory + "}}}]}}\n";
  };
  const std::string pods = pod("a", "2026-11-17T00:00:00Z", "1000") +
                           pod("b", "2026-11-19T21:00:00Z", "2000") +
                           pod("old", "2026-10-01T00:00:00Z", "3000");
  const std::int64_t now = 1795132800;  // 2026-11-20
  EXPECT_EQ(
      cluster_of(kGpuNode + pods, {.unix_seconds = now}).ask(pod_of("p", "cpu: 1")).policy_reason,
      "the default: 2 shapes of pods that started in the last 7d tell what comes; the oldest "
      "started 3d ago, the newest 3h ago");
  EXPECT_EQ(cluster_of(kGpuNode + pod("old", "2026-10-01T00:00:00Z", "3000"), {.unix_seconds = now})
                .ask(pod_of("p", "cpu: 1"))
                .policy_reason,
            "the default where no pod with devices runs yet");
}

TEST(WhatIf, PodsThatWaitArePodsWithoutANode) {
  const std::string pods =
      "---\n{kind: Pod, metadata: {name: w}, spec: {containers: [{name: c}]}}\n"
      "---\n{kind: Pod, metadata: {name: over}, status: {phase: Succeeded}, spec: {nodeName: gpu, "
      "containers: [{name: c, resources: {requests: {cpu: 900}}}]}}\n"
      "---\n{kind: Pod, metadata: {name: decided, annotations: {hami.io/vgpu-node: gpu, "
      "hami.io/vgpu-devices-allocated: 'GPU-a,NVIDIA,8000,5:;'}}, spec: {containers: [{name: "
      "c}]}}\n";
  WhatIf what_if = cluster_of(kGpuNode + pods);
  ASSERT_THAT(what_if.unscheduled(), SizeIs(1));
  EXPECT_EQ(what_if.unscheduled()[0].metadata.name, "w");
  EXPECT_FALSE(what_if.ask(pod_of("p", "nvidia.com/gpumem: 1")).is_placed());
  EXPECT_THAT(what_if.set_aside(), IsEmpty());
}

TEST(WhatIf, OfANameThatComesTwiceTheLastCounts) {
  const std::string bare = "---\n{kind: Node, metadata: {name: gpu}}\n";
  EXPECT_FALSE(cluster_of(kGpuNode + bare).ask(pod_of("p", "nvidia.com/gpumem: 1")).is_placed());
  EXPECT_TRUE(
      cluster_of(bare + "---\n" + kGpuNode).ask(pod_of("p", "nvidia.com/gpumem: 1")).is_placed());
}

TEST(WhatIf, AmountsThatAreNoneAreSetAsideWithTheirResource) {
  WhatIf what_if = cluster_of(
      "{kind: Node, metadata: {name: a}, status: {allocatable: {cpu: lots}}}\n---\n"
      "{kind: Node, metadata: {name: b}, status: {allocatable: {memory: 99999999999Ei}}}\n---\n" +
      kGpuNode);
  ASSERT_THAT(what_if.set_aside(), SizeIs(2));
  EXPECT_EQ(what_if.set_aside()[0].object, "t.yaml:1: Node a");
  EXPECT_THAT(what_if.set_aside()[0].problem, HasSubstr("cpu: "));
  EXPECT_THAT(what_if.set_aside()[1].problem, HasSubstr("memory: "));
  EXPECT_EQ(what_if.ask(pod_of("p", "cpu: 1")).node, "gpu");
  EXPECT_THAT(what_if.ask(pod_of("p", "cpu: -1")).refusal, HasSubstr("cpu: -1 is negative"));
}

TEST(WhatIf, OverheadOfAPodCounts) {
  WhatIf what_if = cluster_of("{kind: Node, metadata: {name: a}, status: {allocatable: {cpu: 2}}}");
  Pod pod = pod_of("p", "cpu: 2");
  EXPECT_TRUE(what_if.ask(pod).is_placed());
  pod.overhead = {{"cpu", "1m"}};
  EXPECT_FALSE(what_if.ask(pod).is_placed());
}

TEST(WhatIf, AnswersAsJson) {
  WhatIf what_if = cluster_of(kGpuNode);
  const auto placed = to_json(what_if.ask(pod_of("p", "nvidia.com/gpumem: 100")));
  EXPECT_EQ(placed["placed"], true);
  EXPECT_EQ(placed["containers"][0]["devices"][0]["device"], "GPU-a");
  EXPECT_EQ(placed["annotations"]["hami.io/vgpu-devices-allocated"], "GPU-a,NVIDIA,100,0:;");
  const auto not_placed = to_json(what_if.ask(pod_of("p", "nvidia.com/gpumem: 9000")));
  EXPECT_EQ(not_placed["placed"], false);
  EXPECT_EQ(not_placed["reasons"][0]["nodes"], 1);
}

TEST(Scenario, SaysWhatDiffers) {
  const std::string scenario =
      "name: x\nnodes: [{name: n}]\npods:\n"
      "- {pod: {name: p, limits: {cpu: 1}}, expect: {node: m, devices: {main: [d]}}}\n"
      "- {pod: {name: q, limits: {cpu: 999}}, expect: {placed: true}}\n"
      "- {pod: {name: r}, expect: {capacity: 3}, times: 2}\n"
      "set_aside: [something]\n";
  const auto result = play_scenario("s.yaml", scenario, built_in());
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->pods, 4);
  EXPECT_THAT(result->failures,
              ElementsAre(HasSubstr("set aside: expected 'something', found 'none'"),
                          "pod p: node: expected m, found n",
                          HasSubstr("pod p: devices of main: expected [\"d\"], found []"),
                          HasSubstr("pod q: expected a place, found none: 999000m CPU asked"),
                          HasSubstr("pod r-1: capacity: expected 3, found 109"),
                          HasSubstr("pod r-2: capacity: expected 3, found 108")));
}

TEST(Scenario, RefusesWhatIsNoneWithTheFieldAndTheRule) {
  struct Case {
    const char* yaml;
    const char* message;
  };
  constexpr Case kCases[] = {
      {"name: x", "'pods' is missing"},
      {"name: x\npods: []", "pods: must not be empty"},
      {"name: 1\npods: [{pod: {name: p}, expect: {}}]", "name: expected string, found number"},
      {"name: x\npods: [{pod: {name: p}, expect: {nod: a}}]",
       "pods[0].expect: 'nod' is not one of"},
      {"name: x\ncompat: v1\npods: [{pod: {name: p}, expect: {}}]", "compat: \"v1\" is not one of"},
      {"name: x\npods: [{pod: {name: p}, expect: {}, times: 0}]",
       "pods[0].times: 0 is less than 1"},
      {"name: x\npods: [{pod: {name: p}, expect: {}, times: 9000000000}]",
       "pods[0].times: 9000000000 is more than 10000"},
      {"[", "not YAML"},
      {"name: x\npolicy: luck\npods: [{pod: {name: p}, expect: {}}]", "policy 'luck'"},
  };
  for (const Case& one : kCases) {
    const auto result = play_scenario("s.yaml", one.yaml, built_in());
    ASSERT_FALSE(result) << one.yaml;
    EXPECT_THAT(result.error().message, HasSubstr(one.message));
  }
}

}  // namespace
}  // namespace melon::kube

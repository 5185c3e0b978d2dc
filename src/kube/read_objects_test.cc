// SPDX-License-Identifier: Apache-2.0
// Objects of a cluster: what is read, what is set aside and how it is named, whole texts that are
// refused.
#include "kube/read_objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace melon::kube {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::UnorderedElementsAre;

Objects read(std::string_view text) {
  Objects objects;
  const auto done = read_objects("t.yaml", text, objects);
  EXPECT_TRUE(done) << done.error().message;
  return objects;
}

/// The only object that a text sets aside.
SetAside only_set_aside(std::string_view text) {
  const Objects objects = read(text);
  EXPECT_THAT(objects.set_aside, SizeIs(1));
  return objects.set_aside.empty() ? SetAside{} : objects.set_aside.front();
}

constexpr std::string_view kNode = R"(
apiVersion: v1
kind: Node
metadata:
  name: gpu-1
  labels: {zone: a}
  annotations: {hami.io/node-nvidia-register: '[]'}
spec:
  unschedulable: true
  taints:
  - {key: dedicated, value: ml, effect: NoSchedule}
status:
  capacity: {cpu: "64", memory: 256Gi, nvidia.com/gpu: 80}
  allocatable: {cpu: 63500m, memory: 250Gi}
  conditions:
  - {type: MemoryPressure, status: "False"}
  - {type: Ready, status: "False"}
)";

TEST(ReadObjects, Node) {
  const Objects objects = read(kNode);
  ASSERT_THAT(objects.nodes, SizeIs(1));
  const Node& node = objects.nodes.front();
  EXPECT_EQ(node.metadata.name, "gpu-1");
  EXPECT_EQ(node.metadata.origin, "t.yaml:2");
  EXPECT_THAT(node.metadata.labels, ElementsAre(Pair("zone", "a")));
  EXPECT_THAT(node.metadata.annotations, ElementsAre(Pair("hami.io/node-nvidia-register", "[]")));
  EXPECT_TRUE(node.unschedulable);
  EXPECT_FALSE(node.ready);
  EXPECT_THAT(node.taints, ElementsAre(NodeTaint{"dedicated", "ml", "NoSchedule"}));
  EXPECT_THAT(node.capacity, UnorderedElementsAre(Pair("cpu", "64"), Pair("memory", "256Gi"),
                                                  Pair("nvidia.com/gpu", "80")));
  EXPECT_THAT(node.allocatable,
              UnorderedElementsAre(Pair("cpu", "63500m"), Pair("memory", "250Gi")));
}

constexpr std::string_view kPod = R"(
kind: Pod
metadata: {name: web, namespace: team-a, uid: u-1}
spec:
  nodeName: gpu-1
  schedulerName: hami-scheduler
  priority: 1000
  hostNetwork: true
  nodeSelector: {zone: a}
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms:
        - matchExpressions:
          - {key: gpu, operator: In, values: [a100, h100]}
          - {key: old, operator: DoesNotExist}
          matchFields:
          - {key: metadata.name, operator: NotIn, values: [gpu-9]}
        - matchExpressions: [{key: cards, operator: Gt, values: ["4"]}]
    podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: []}
  tolerations:
  - {key: dedicated, value: ml, effect: NoSchedule}
  - {operator: Exists}
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
  topologySpreadConstraints: [{maxSkew: 1}]
  initContainers:
  - {name: fetch, resources: {requests: {cpu: 1}}}
  - {name: mesh, restartPolicy: Always}
  containers:
  - name: main
    securityContext: {privileged: true}
    ports: [{containerPort: 80}, {containerPort: 90, hostPort: 9090, hostIP: 10.0.0.1, protocol: UDP}]
    resources:
      limits: {nvidia.com/gpu: 2, nvidia.com/gpumem: "3000"}
      requests: {cpu: 500m}
status:
  phase: Running
  initContainerStatuses:
  - {name: fetch, state: {terminated: {exitCode: 0}}}
  - {name: mesh, state: {running: {}}}
)";

TEST(ReadObjects, Pod) {
  const Objects objects = read(kPod);
  ASSERT_THAT(objects.pods, SizeIs(1));
  const Pod& pod = objects.pods.front();
  EXPECT_EQ(full_name(pod.metadata), "team-a/web");
  EXPECT_EQ(pod.node_name, "gpu-1");
  EXPECT_EQ(pod.priority, 1000);
  EXPECT_TRUE(pod.init_is_done);
  EXPECT_FALSE(pod.is_over());
  EXPECT_THAT(pod.node_selector, ElementsAre(Pair("zone", "a")));
  using Op = SelectorRule::Operator;
  ASSERT_TRUE(pod.affinity);
  EXPECT_THAT(
      *pod.affinity,
      ElementsAre(SelectorTerm{{{"gpu", Op::kIn, {"a100", "h100"}}, {"old", Op::kDoesNotExist, {}}},
                               {{"metadata.name", Op::kNotIn, {"gpu-9"}}}},
                  SelectorTerm{{{"cards", Op::kGt, {"4"}}}, {}}));
  EXPECT_THAT(
      pod.tolerations,
      ElementsAre(PodToleration{"dedicated", PodToleration::Operator::kEqual, "ml", "NoSchedule"},
                  PodToleration{"", PodToleration::Operator::kExists, "", ""}));
  EXPECT_THAT(pod.not_evaluated, ElementsAre("volumes", "topology spread", "pod anti-affinity"));
  ASSERT_THAT(pod.containers, SizeIs(3));
  EXPECT_EQ(pod.containers[0].role, ContainerRole::kInit);
  EXPECT_THAT(pod.containers[0].requests, ElementsAre(Pair("cpu", "1")));
  EXPECT_EQ(pod.containers[1].role, ContainerRole::kSidecar);
  EXPECT_EQ(pod.containers[2].role, ContainerRole::kApp);
  EXPECT_TRUE(pod.containers[2].privileged);
  EXPECT_THAT(pod.containers[2].host_ports,
              ElementsAre(ContainerPort{80}, ContainerPort{9090, "UDP", "10.0.0.1"}));
  EXPECT_THAT(pod.containers[2].limits,
              UnorderedElementsAre(Pair("nvidia.com/gpu", "2"), Pair("nvidia.com/gpumem", "3000")));
}

TEST(ReadObjects, AListAsKubectlPrintsItInJsonAndYaml) {
  // kubectl prints the list's kind after its items; the raw API before, and items have none.
  for (const std::string_view text :
       {R"({"apiVersion":"v1","items":[{"kind":"Node","metadata":{"name":"a"}},
           {"kind":"Pod","metadata":{"name":"p","namespace":"n"},
            "spec":{"containers":[{"name":"c"}]}},{"kind":"Event"}],"kind":"List"})",
        "apiVersion: v1\nitems:\n- kind: Node\n  metadata: {name: a}\n- kind: Pod\n  metadata:\n"
        "    name: p\n    namespace: n\n  spec:\n    containers:\n    - name: c\n- kind: Event\n"
        "kind: List\n"}) {
    const Objects objects = read(text);
    EXPECT_THAT(objects.nodes, SizeIs(1));
    EXPECT_THAT(objects.pods, SizeIs(1));
    EXPECT_THAT(objects.ignored, ElementsAre(Pair("Event", 1)));
    EXPECT_THAT(objects.set_aside, IsEmpty());
  }
  EXPECT_THAT(read(R"({"kind":"NodeList","items":[{"metadata":{"name":"a"}}]})").nodes, SizeIs(1));
}

TEST(ReadObjects, SeveralDocumentsAndKindsThatBelongToACluster) {
  const Objects objects = read(
      "---\nkind: ResourceQuota\nmetadata: {name: q, namespace: n}\n"
      "spec: {hard: {limits.nvidia.com/gpumem: 4000}}\n---\n---\n"
      "kind: PodDisruptionBudget\nmetadata: {name: b, namespace: n}\n"
      "spec: {selector: {matchLabels: {app: web}}}\nstatus: {disruptionsAllowed: 2}\n");
  ASSERT_THAT(objects.quotas, SizeIs(1));
  EXPECT_THAT(objects.quotas[0].hard, ElementsAre(Pair("limits.nvidia.com/gpumem", "4000")));
  ASSERT_THAT(objects.budgets, SizeIs(1));
  ASSERT_TRUE(objects.budgets[0].selector);
  const SelectorRule web{.key = "app", .values = {"web"}};
  EXPECT_THAT(*objects.budgets[0].selector, ElementsAre(web));
  EXPECT_EQ(objects.budgets[0].disruptions_allowed, 2);
  EXPECT_THAT(objects.set_aside, IsEmpty());
}

struct Broken {
  const char* text;
  const char* problem;
};

TEST(ReadObjects, WhatBreaksARuleIsSetAsideWithItsFieldAndTheOthersGoOn) {
  const Broken cases[] = {
      {"{kind: Node, metadata: {name: x}, spec: {taints: [{key: k, effect: Never}]}}",
       "spec.taints[0].effect: expected NoSchedule"},
      {"{kind: Node, metadata: {name: x, labels: {a: 1}}}",
       "metadata.labels.a: expected a text, found number"},
      {"{kind: Node, metadata: {name: x}, status: {capacity: [1]}}",
       "status.capacity: expected an object of amounts, found array"},
      {"{kind: Node, metadata: {name: x}, status: {capacity: {cpu: true}}}",
       "status.capacity.cpu: expected an amount"},
      {"{kind: Pod, metadata: {name: x}, spec: {containers: []}}", "spec.containers: a pod has"},
      {"{kind: Pod, metadata: {name: x}, spec: {containers: [{}]}}",
       "spec.containers[0].name: a container has a name"},
      {"{kind: Pod, metadata: {name: x}, spec: {containers: [{name: c}, {name: c}]}}",
       "two containers are called 'c'"},
      {"{kind: Pod, metadata: {name: x}, spec: {priority: 99999999999, containers: [{name: c}]}}",
       "spec.priority: 99999999999 is not within"},
      {"{kind: Pod, metadata: {name: x}, spec: {priority: 18446744073709551615, "
       "containers: [{name: c}]}}",
       "spec.priority: expected a whole number"},
      {"{kind: Pod, metadata: {name: x}, spec: {containers: [{name: c, ports: [{hostPort: "
       "70000}]}]}}",
       "spec.containers[0].ports[0].hostPort: 70000 is not within 0 and 65535"},
      {"{kind: Pod, metadata: {name: x}, spec: {containers: [{name: c, ports: [{hostPort: 7, "
       "protocol: ICMP}]}]}}",
       "spec.containers[0].ports[0].protocol: a protocol is TCP, UDP or SCTP"},
      {"{kind: Pod, metadata: {name: x}, spec: {tolerations: [{operator: Equal}], "
       "containers: [{name: c}]}}",
       "spec.tolerations[0].key: without a key"},
      {"{kind: Pod, metadata: {name: x}, spec: {affinity: {nodeAffinity: "
       "{requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: "
       "[{key: a, operator: Gt, values: [x]}]}]}}}, containers: [{name: c}]}}",
       "matchExpressions[0].values: Gt and Lt need one whole number"},
      {"{kind: Pod, metadata: {namespace: x}, spec: {containers: [{name: c}]}}",
       "metadata.name: an object has a name"},
      {"{metadata: {name: x}}", "kind: an object has a kind"},
      {"[1, 2]", "expected an object with a kind"},
  };
  for (const Broken& broken : cases) {
    const std::string good = "\n---\n{kind: Node, metadata: {name: good}}\n";
    const Objects objects = read(broken.text + good);
    EXPECT_THAT(objects.nodes, SizeIs(1)) << broken.text;
    ASSERT_THAT(objects.set_aside, SizeIs(1)) << broken.text;
    EXPECT_THAT(objects.set_aside[0].problem, HasSubstr(broken.problem)) << broken.text;
    EXPECT_THAT(objects.set_aside[0].object, HasSubstr("t.yaml:1: "));
    EXPECT_FALSE(objects.set_aside[0].remedy.empty());
  }
}

TEST(ReadObjects, AnObjectIsNamedOrNumbered) {
  EXPECT_EQ(only_set_aside("{kind: Pod, metadata: {name: p, namespace: n}}").object,
            "t.yaml:1: Pod n/p");
  EXPECT_EQ(only_set_aside("# a comment\nkind: Node\nmetadata: {name: a}\n---\n\nkind: Pod\n"
                           "metadata: {name: p}\nspec: {}\n")
                .object,
            "t.yaml:6: Pod p")
      << "with the line that its document begins on";
  EXPECT_EQ(only_set_aside(R"({"kind":"List","items":[{"kind":"Node","metadata":{"name":"a"}},7]})")
                .object,
            "t.yaml: object number 2");
}

TEST(ReadObjects, RefusesTextsWithLineAndRemedy) {
  struct Case {
    std::string text;
    const char* message;
  };
  const Case cases[] = {
      {"{\"kind\": \"List\",\n \"items\": [\n {\"kind\": }", "t.yaml:3: not JSON"},
      {"kind: Node\n  metadata: {", "line 2"},
      {std::string(70, '[') + std::string(70, ']'), "nested more than 64"},
      {"{\"kind\": \"List\", \"items\": {}}", "items: expected a list, found object"},
      {"{\"items\": 3, \"kind\": \"NodeList\"}", "items: expected a list, found number"},
      {"kind: PodList\nitems: {}\n", "items: expected a list, found object"},
      {"a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: *unknown\n", "line 3"},
  };
  for (const Case& broken : cases) {
    Objects objects;
    const auto done = read_objects("t.yaml", broken.text, objects);
    ASSERT_FALSE(done) << broken.text;
    EXPECT_EQ(done.error().code, Code::kInvalidArgument);
    EXPECT_THAT(done.error().message, HasSubstr(broken.message));
    EXPECT_THAT(done.error().message, HasSubstr("t.yaml"));
    EXPECT_FALSE(done.error().remedy.empty());
  }
}

TEST(ReadObjects, AliasesCanNotGrowWithoutBound) {
  std::string text = "a0: &a0 [" + std::string(1000, 'x') + "]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int copy = 0; copy < 9; ++copy) text += before + " , ";
    text += before + " ]\n";
  }
  Objects objects;
  const auto done = read_objects("t.yaml", text, objects);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("aliases"));
}

TEST(ReadObjects, ANumberBeyondAllBoundsCostsItsObjectAlone) {
  const Objects objects = read(
      R"({"kind":"List","items":[{"kind":"Node","metadata":{"name":"a","annotations":{"x":"1e400, \" 1e500"}}},
         {"kind":"Pod","metadata":{"name":"p"},"spec":{"priority":-1e400,"containers":[{"name":"c"}]}},
         {"kind":"Node","metadata":{"name":"b"},"status":{"capacity":{"cpu":1e999}}}]})");
  ASSERT_THAT(objects.nodes, SizeIs(2)) << "none is read twice";
  EXPECT_EQ(objects.nodes[0].metadata.annotations.at("x"), "1e400, \" 1e500");
  EXPECT_EQ(objects.nodes[1].capacity.at("cpu"), "1e999") << "whoever reads amounts refuses it";
  ASSERT_THAT(objects.set_aside, SizeIs(1));
  EXPECT_THAT(objects.set_aside[0].problem, HasSubstr("spec.priority: expected a whole number"));
}

TEST(ReadObjects, WhatIsNoTextEndsAtOnce) {
  Objects objects;
  const auto done = read_objects_file("/dev/zero", objects);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("'/dev/zero' is no text: its byte 1 is 0"));
  EXPECT_FALSE(done.error().remedy.empty());
}

TEST(ReadObjects, AFileThatIsNotThere) {
  Objects objects;
  EXPECT_EQ(read_objects_file("/nowhere/cluster.yaml", objects).error().code, Code::kNotFound);
  EXPECT_FALSE(read_objects_file("/", objects));
}

TEST(ReadObjects, KeepsNothingOfWhatNeverMatters) {
  const Objects objects = read(
      R"({"kind":"Node","metadata":{"name":"a","managedFields":[{"f":{"x":{}}}],"annotations":
         {"kubectl.kubernetes.io/last-applied-configuration":"{}","keep":"1"}},
         "status":{"images":[{"names":["a"]}]}})");
  ASSERT_THAT(objects.nodes, SizeIs(1));
  EXPECT_THAT(objects.nodes[0].metadata.annotations, ElementsAre(Pair("keep", "1")));
}

}  // namespace
}  // namespace melon::kube

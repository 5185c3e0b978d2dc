// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace melon::kube {

using TextMap = std::map<std::string, std::string>;

/// Amounts by resource name, as written: "500m", "16Gi", "3000". What they mean is decided by
/// whoever knows the resource; vendors read one text in different ways.
using ResourceList = TextMap;

/// What every object has. `origin`: the file, or file:line, it came from; messages begin with it.
struct Metadata {
  std::string namespace_name = {};  // of a namespaced object without one: "default"
  std::string name = {};
  std::string uid = {};
  TextMap labels = {};
  TextMap annotations = {};
  std::string origin = {};

  bool operator==(const Metadata&) const = default;
};

/// As Kubernetes has it. `effect` is NoSchedule, PreferNoSchedule or NoExecute.
struct NodeTaint {
  std::string key = {};
  std::string value = {};
  std::string effect = {};

  bool operator==(const NodeTaint&) const = default;
};

struct Node {
  Metadata metadata = {};
  std::vector<NodeTaint> taints = {};
  bool unschedulable = false;
  bool ready = true;  // false only where the condition Ready says "False" or "Unknown"
  ResourceList capacity = {};
  ResourceList allocatable = {};  // what pods may use; a node without it may use its capacity

  bool operator==(const Node&) const = default;
};

/// One line of a node selector. Every operator that Kubernetes has.
struct SelectorRule {
  enum class Operator { kIn, kNotIn, kExists, kDoesNotExist, kGt, kLt };
  std::string key = {};
  Operator op = Operator::kIn;
  std::vector<std::string> values = {};

  bool operator==(const SelectorRule&) const = default;
};

/// All of its lines must hold. A term without any matches no node.
struct SelectorTerm {
  std::vector<SelectorRule> labels = {};  // matchExpressions
  std::vector<SelectorRule> fields = {};  // matchFields; metadata.name is the only field there is

  bool operator==(const SelectorTerm&) const = default;
};

struct PodToleration {
  enum class Operator { kEqual, kExists };
  std::string key = {};
  Operator op = Operator::kEqual;
  std::string value = {};
  std::string effect = {};  // empty: every effect

  bool operator==(const PodToleration&) const = default;
};

/// init: runs alone, before the others. sidecar: an init container that stays (restartPolicy
/// Always). app: runs with the sidecars.
enum class ContainerRole { kInit, kSidecar, kApp };

/// A port of the node's that a container takes. An empty address is all of them.
struct ContainerPort {
  std::uint16_t number = 0;
  std::string protocol = "TCP";  // TCP, UDP or SCTP
  std::string address = {};

  bool operator==(const ContainerPort&) const = default;
};

struct Container {
  std::string name = {};
  ContainerRole role = ContainerRole::kApp;
  ResourceList limits = {};
  ResourceList requests = {};
  std::vector<ContainerPort> host_ports = {};
  bool privileged = false;

  bool operator==(const Container&) const = default;
};

struct Pod {
  Metadata metadata = {};
  std::string node_name = {};  // empty: not scheduled
  std::string phase = {};      // Pending, Running, Succeeded, Failed, Unknown; may be empty
  std::optional<std::int32_t> priority = {};  // absent: what its class says
  std::string priority_class = {};            // by name; may be empty
  std::string preemption_policy = {};         // "Never": nobody is ended for it; may be empty
  std::int64_t started_unix_seconds = 0;      // or was created; 0: not told
  bool init_is_done = false;                  // every init container that ends has ended well
  std::string gang = {};        // of the pods of its namespace that start together; may be empty
  std::int64_t gang_least = 0;  // how many of them must, as the pod says; 0: it does not
  std::string owner_kind = {};  // of its controller: "ReplicaSet", "DaemonSet"; may be empty
  bool is_ending = false;       // was told to end, and has not yet
  bool is_static = false;       // its node's kubelet runs it, whatever the cluster says
  TextMap node_selector = {};
  /// Required node affinity: one of the terms must hold. Absent: none is asked for.
  std::optional<std::vector<SelectorTerm>> affinity = {};
  std::vector<PodToleration> tolerations = {};
  std::vector<Container> containers = {};  // init containers first, then app, as in the pod
  ResourceList overhead = {};
  std::vector<std::string> not_evaluated = {};  // fields that decide too, and that Melon leaves out

  bool is_over() const { return phase == "Succeeded" || phase == "Failed"; }
  bool operator==(const Pod&) const = default;
};

struct ResourceQuota {
  Metadata metadata = {};
  ResourceList hard = {};

  bool operator==(const ResourceQuota&) const = default;
};

/// Which pods of its namespace it means: those whose labels all of its lines hold for. Without a
/// selector none. How many may be ended now is in its status; of a budget without one, as people
/// write them, it follows from the rest.
struct PodDisruptionBudget {
  Metadata metadata = {};
  std::optional<std::vector<SelectorRule>> selector = {};
  std::optional<std::int64_t> disruptions_allowed = {};
  std::string min_available = {};    // "2" or "50%"
  std::string max_unavailable = {};  // the same

  bool operator==(const PodDisruptionBudget&) const = default;
};

/// What the priority of a pod is that names it, or of all that name none.
struct PriorityClass {
  Metadata metadata = {};
  std::int32_t value = 0;
  bool is_default = false;
  std::string preemption_policy = {};  // as Pod's

  bool operator==(const PriorityClass&) const = default;
};

/// How many pods of a group must start together: PodGroup of the scheduler plugins and of Volcano.
struct PodGroup {
  Metadata metadata = {};
  std::int64_t least_members = 1;

  bool operator==(const PodGroup&) const = default;
};

/// An object that could not be read, and why. The others go on.
struct SetAside {
  std::string object = {};   // "cluster.yaml: Node gpu-1"
  std::string problem = {};  // "spec.taints[0].effect: ..."
  std::string remedy = {};

  bool operator==(const SetAside&) const = default;
};

/// What some files say of a cluster, in the order of the files.
struct Objects {
  std::vector<Node> nodes = {};
  std::vector<Pod> pods = {};
  std::vector<ResourceQuota> quotas = {};
  std::vector<PodDisruptionBudget> budgets = {};
  std::vector<PodGroup> groups = {};
  std::vector<PriorityClass> priority_classes = {};
  std::vector<SetAside> set_aside = {};
  std::map<std::string, std::int64_t> ignored = {};  // kinds that do not matter here, and how many
};

/// "default/web", or the name alone of an object without a namespace.
std::string full_name(const Metadata& metadata);

}  // namespace melon::kube

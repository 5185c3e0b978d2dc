// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "placement/amounts.h"
#include "placement/cluster.h"
#include "vendors/demand.h"
#include "vendors/selection_rule.h"

namespace melon::placement {

/// How a demand cuts devices of one type in hardware: what a slice is, and where it may go.
struct PartitionChoice {
  std::string type = {};
  Amounts each = {};                      // without places
  std::vector<std::int32_t> places = {};  // kPlaces of a slice, best first
  std::string profile = {};               // the vendor's name of such a slice
  std::int64_t slices = 0;                // compute slices of the device
  std::int64_t compute_percent = 0;       // of the device, as vendors tell it

  bool operator==(const PartitionChoice&) const = default;
};

/// Devices of one kind that one container asks for.
struct DeviceDemand {
  std::string vendor = {};                   // descriptor id; empty: any
  int count = 1;                             // distinct devices, but for those that are cut
  Amounts each = {};                         // of every device; slots below 1 count as 1
  std::optional<int> memory_permille = {};   // instead of each[kMemory]: a share of the device
  std::optional<int> compute_permille = {};  // instead of each[kCompute]: the same
  bool whole = false;                        // the device alone: all of its slots
  bool alone_with_all = false;      // where it takes all of a device's compute, nobody is on it yet
  bool needs_compute_left = false;  // takes no compute, and joins no device whose compute is taken
  std::vector<std::string> types = {};  // accepted types; empty: all
  /// The annotation of the nodes whose devices `types` names, where only nodes of one mode serve
  /// it.
  std::string node_flag = {};
  bool by_profile = false;  // only devices that are cut serve it, in a profile that holds it
  std::vector<std::string> not_types = {};
  std::vector<std::string> uuids = {};  // accepted devices; empty: all
  std::vector<std::string> not_uuids = {};
  bool one_numa = false;        // all devices on one NUMA node
  bool one_link_group = false;  // all devices in one link group
  bool unused = false;          // devices that nobody is on; others may join later

  // What a descriptor says of its devices.
  std::vector<std::string> extra_names = {};  // of the further dimensions, for people
  vendors::Picker picker = {};                // which are taken together; kNone: any
  bool ring_wraps = true;                     // of a ring: its first device follows the last
  std::vector<vendors::DeviceRule> rules = {};
  vendors::Qos qos = vendors::Qos::kNone;                  // for kQosEqual
  vendors::AppClass app_class = vendors::AppClass::kNone;  // for kAppClass
  std::vector<PartitionChoice> partitions = {};            // by type, of devices that are cut
  vendors::NodeScore node_score = {};  // added where nodes are chosen as HAMi does; else kNone

  bool operator==(const DeviceDemand&) const = default;
};

/// init: runs alone, before the others. sidecar: an init container that stays. app: runs with the
/// sidecars.
enum class Role { kApp, kInit, kSidecar };

struct ContainerRequest {
  std::string name = {};
  Role role = Role::kApp;
  HostAmounts host = {};  // pods is not read: a pod counts as one
  std::map<std::string, std::int64_t> extended = {};
  std::vector<DeviceDemand> devices = {};

  bool operator==(const ContainerRequest&) const = default;
};

/// As Kubernetes has it: an empty key tolerates every taint, an empty effect every effect.
struct Toleration {
  std::string key = {};
  std::optional<std::string> value = {};  // empty: any value ("Exists")
  std::string effect = {};

  bool operator==(const Toleration&) const = default;
};

/// One line of a node selector. Operators: In, NotIn, Exists, DoesNotExist, Gt, Lt.
struct LabelRule {
  enum class Operator { kIn, kNotIn, kExists, kDoesNotExist, kGreater, kLess };
  std::string key = {};
  Operator op = Operator::kIn;
  std::vector<std::string> values = {};

  bool operator==(const LabelRule&) const = default;
};

/// Leave to put one demand onto the free parts of several devices of a node, where it fits on none:
/// for work that runs on several devices as well (data parallel). The pieces are of those devices
/// that the demand accepts; a demand that is never split is told by explain_split().
struct SplitRule {
  int most_pieces = 1;
  int least_permille = 1;  // of a device: no piece is smaller

  bool operator==(const SplitRule&) const = default;
};

/// What a pod may take of a vendor's devices, over all of them and all of its containers, at its
/// peak. Empty: no limit.
struct QuotaBound {
  std::string vendor = {};
  std::string of = {};  // whose it is, for people: a namespace
  std::optional<std::int64_t> memory_mib = {};
  std::optional<std::int64_t> compute = {};

  bool operator==(const QuotaBound&) const = default;
};

/// What a pod asks for, container by container. Whatever is equal in two requests but names of
/// containers, namespace and priority makes them one shape.
struct PodRequest {
  std::vector<ContainerRequest> containers = {};
  std::string namespace_name = {};
  std::int32_t priority = 0;
  std::vector<LabelRule> labels = {};                 // all must hold (nodeSelector)
  std::vector<std::vector<LabelRule>> affinity = {};  // one of them must hold; empty: none asked
  std::vector<Toleration> tolerations = {};
  std::vector<HostPort> host_ports = {};
  std::optional<SplitRule> split = {};
  /// What the pod must stay within, one for each vendor. Different ones make different shapes: they
  /// are for requests whose amounts depend on the device; of others a sum says whether they may be.
  std::vector<QuotaBound> quotas = {};

  bool operator==(const PodRequest&) const = default;
};

}  // namespace melon::placement

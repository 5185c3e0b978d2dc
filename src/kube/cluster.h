// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kube/detail/budgets.h"
#include "kube/detail/cores.h"
#include "kube/detail/priorities.h"
#include "kube/objects.h"
#include "placement/cluster.h"
#include "placement/index.h"
#include "placement/pod_request.h"
#include "vendors/admission.h"
#include "vendors/catalogue.h"
#include "vendors/compatibility.h"
#include "vendors/quota.h"

namespace melon::kube {

/// A device as its node announced it: what annotations need beside what the engine knows.
struct AnnouncedDevice {
  vendors::BackendId backend = 0;
  std::int64_t index = 0;  // on its node, within its backend
  std::string type = {};   // as announced
  std::string mode = {};   // as announced: hami-core, mig, ...; may be empty
  std::string minor = {};
  std::int64_t compute = 0;                             // all that it has, in the backend's unit
  std::int64_t slots = 0;                               // all that it has
  std::map<std::string, std::string> profile_ids = {};  // the vendor's numbers, by profile
};

/// The devices of the nodes, and the types that there are: what a pod's selectors are held against.
struct Announced {
  std::map<std::string, std::map<std::string, AnnouncedDevice>> of_node = {};  // by uuid
  /// By backend: the engine's type -> the largest compute of one device of it.
  std::map<vendors::BackendId, std::map<std::string, AnnouncedDevice>> types = {};
  /// Of the types whose devices are cut in hardware: how.
  std::map<vendors::BackendId, std::map<std::string, vendors::PartitionTable>> tables = {};
  bool has_links = false;  // some node says how well its devices are linked

  const AnnouncedDevice* find(const std::string& node, const std::string& uuid) const;
  /// Null where devices of the type are not cut.
  const vendors::PartitionTable* find_table(vendors::BackendId backend,
                                            const std::string& type) const;
};

/// What is known of pods that start together.
struct GangSize {
  std::int64_t least = 0;    // how many must; 0: nobody says
  std::int64_t running = 0;  // of them, those that have a node
};

/// A pod that holds devices.
struct HoldingPod {
  Pod pod = {};
  vendors::QuotaAmounts amounts = {};  // of them
};

/// What the engine has to know of a cluster, and what it does not take.
struct Cluster {
  std::vector<placement::NodeSpec> nodes = {};
  std::vector<placement::GrantSpec> grants = {};
  std::vector<Pod> unscheduled = {};
  std::vector<HoldingPod> holding = {};
  std::vector<SetAside> set_aside = {};
  Announced announced = {};
  std::map<std::string, GangSize> gangs = {};  // by gang_name()
  std::set<std::string> closed_nodes = {};     // cordoned, or not ready: nobody is to come to them
  detail::Priorities priorities = {};
  detail::Budgets budgets = {};                             // whose pods may be ended
  std::map<std::string, vendors::QuotaLimits> quotas = {};  // by namespace
  std::map<std::string, vendors::QuotaAmounts> held = {};   // by namespace: what its pods have
  detail::HeldCores cores = {};
};

/// "namespace/gang" of a pod that is of one; empty of others.
std::string gang_name(const Pod& pod);

/// Translates the objects of a cluster. Nodes get their devices from annotations or capacity,
/// backend by backend; a backend's annotation that can not be read costs the node the devices of
/// that backend, and is named. Pods that have a node and are not over become grants of what they
/// peak at; their devices come from their annotations, today's formats and historic ones. Of an
/// object that comes twice the last counts. Devices whose plugin is gone, judged at the time
/// `unix_seconds`, do not count and are named.
Cluster to_cluster(const Objects& objects, const vendors::Catalogue& catalogue,
                   vendors::Compatibility compat, std::int64_t unix_seconds);

/// A pod as the engine is asked for it, and as admission left it.
struct AskedPod {
  placement::PodRequest request = {};
  vendors::PodSpec admitted = {};
  vendors::Demands demands = {};
};

/// Why a pod's request is wanted: it comes, or it has a node already.
enum class PodStage { kComes, kRuns };

/// What a pod asks for: admission's rules, then the engine's words. As HAMi, a pod that the cluster
/// has given a uid was admitted before, and is only read. Errors: those of admission, and of
/// amounts beside devices: kInvalidArgument or kFailedPrecondition naming container and rule.
Result<AskedPod> to_request(const Pod& pod, const Announced& announced,
                            const vendors::Catalogue& catalogue, vendors::Compatibility compat,
                            PodStage stage = PodStage::kComes);

/// The engine's name of a device's type: the announced one, with the mode where there is a mode
/// that is not the ordinary one. Devices that a request may tell apart have different types.
std::string engine_type(std::string_view type, std::string_view mode);

}  // namespace melon::kube

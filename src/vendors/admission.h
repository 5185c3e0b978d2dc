// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "vendors/catalogue.h"
#include "vendors/compatibility.h"
#include "vendors/demand.h"

namespace melon::vendors {

/// When a container runs: initial ones one after the other before all others; sidecars are initial
/// ones that stay.
enum class ContainerKind { kInitial, kSidecar, kApp };

/// A container of a pod, as far as devices are concerned. Amounts are text, as in the pod.
struct ContainerSpec {
  std::string name = {};
  ContainerKind kind = ContainerKind::kApp;
  bool privileged = false;
  std::map<std::string, std::string> limits = {};
  std::map<std::string, std::string> requests = {};
  std::map<std::string, std::string> environment = {};  // plain values only

  bool operator==(const ContainerSpec&) const = default;
};

struct PodSpec {
  Annotations annotations = {};
  std::vector<ContainerSpec> containers = {};  // initial ones and sidecars first
  std::string scheduler_name = {};
  std::string node_name = {};
  std::optional<std::string> runtime_class = {};

  bool operator==(const PodSpec&) const = default;
};

struct AdmissionOptions {
  Compatibility mode = Compatibility::kNone;
  std::string scheduler_name = {};  // written into pods that ask for devices; empty: never
  bool replace_default_scheduler = true;
  bool hide_devices = false;  // Backend's hidden_environment, for containers that ask for none
};

/// For each container, what it asks of each backend, in the order of the catalogue.
using Demands = std::vector<std::vector<Demand>>;

struct Admission {
  PodSpec pod = {};  // as it is to be created
  Demands demands = {};
  bool has_devices = false;
};

/// Decides on a new pod: resolves historic names, defaults, rounding and count rules, writes what
/// they came to into limits and requests, adds what the vendor's node needs, and says what is
/// asked for. The result of a result is itself. A pod for another scheduler is returned as it is,
/// without demands. Errors: kInvalidArgument or kFailedPrecondition for a pod that must be refused,
/// naming container, resource, rule and remedy.
Result<Admission> admit(const PodSpec& pod, const Catalogue& catalogue,
                        const AdmissionOptions& options);

/// What an existing pod asks for, whether or not it was admitted: the same rules without what only
/// admission adds (missing counts, exclusive compute). Errors: as admit().
Result<Demands> demands_of(const PodSpec& pod, const Catalogue& catalogue, Compatibility mode);

}  // namespace melon::vendors

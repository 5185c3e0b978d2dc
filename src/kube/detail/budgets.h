// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kube/objects.h"
#include "placement/pod_request.h"

namespace melon::kube::detail {

/// Which pods may be ended, and how many at one time, as the PodDisruptionBudgets of a cluster say.
class Budgets {
 public:
  Budgets() = default;
  explicit Budgets(const Objects& objects);

  /// The group of pods whose ends are counted together that a pod belongs to: its budget's
  /// "namespace/name", or empty where there is none. Nobody may end pods of the kubelet's own,
  /// those that end already, nor those of two budgets, which Kubernetes refuses to evict: they are
  /// of a group of their own.
  std::string group_of(const Pod& pod) const;

  /// By group: how many may be ended now.
  const std::map<std::string, std::int64_t>& allowed() const { return allowed_; }

 private:
  struct Selector {
    std::string name = {};
    std::string namespace_name = {};
    std::vector<placement::LabelRule> rules = {};

    bool means(const Pod& pod) const;
  };

  std::vector<Selector> selectors_ = {};
  std::map<std::string, std::int64_t> allowed_ = {};
};

}  // namespace melon::kube::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "kube/objects.h"

namespace melon::kube::detail {

/// What the priorities of pods are, as the PriorityClasses of a cluster say and those two that
/// every cluster has.
class Priorities {
 public:
  Priorities() = default;
  explicit Priorities(const Objects& objects);

  /// What the pod says, else its class, else the class that is the default, else 0. Empty where it
  /// names a class that there is none of.
  std::optional<std::int32_t> of(const Pod& pod) const;
  /// Of a pod that runs: where of() knows none, the highest, so that it is ended for nobody.
  std::int32_t of_running(const Pod& pod) const;
  /// Whether others may be ended for the pod: its preemptionPolicy, else that of its class.
  bool may_preempt(const Pod& pod) const;

 private:
  const PriorityClass* class_of(const Pod& pod) const;

  std::map<std::string, PriorityClass> by_name_ = {};
  std::string default_name_ = {};
};

}  // namespace melon::kube::detail

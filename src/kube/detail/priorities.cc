// SPDX-License-Identifier: Apache-2.0
// What the priorities of pods are: their own, or those of PriorityClasses.
#include "kube/detail/priorities.h"

#include <limits>

namespace melon::kube::detail {

Priorities::Priorities(const Objects& objects) {
  by_name_["system-cluster-critical"] = {.value = 2'000'000'000};
  by_name_["system-node-critical"] = {.value = 2'000'001'000};
  for (const PriorityClass& one : objects.priority_classes) by_name_[one.metadata.name] = one;
  // Of several defaults the lowest counts, as in Kubernetes.
  for (const auto& [name, one] : by_name_)
    if (one.is_default && (default_name_.empty() || one.value < by_name_[default_name_].value))
      default_name_ = name;
}

const PriorityClass* Priorities::class_of(const Pod& pod) const {
  const auto found = by_name_.find(pod.priority_class.empty() ? default_name_ : pod.priority_class);
  return found == by_name_.end() ? nullptr : &found->second;
}

std::optional<std::int32_t> Priorities::of(const Pod& pod) const {
  if (pod.priority) return pod.priority;
  if (const PriorityClass* const found = class_of(pod)) return found->value;
  return pod.priority_class.empty() ? std::optional<std::int32_t>(0) : std::nullopt;
}

std::int32_t Priorities::of_running(const Pod& pod) const {
  return of(pod).value_or(std::numeric_limits<std::int32_t>::max());
}

bool Priorities::may_preempt(const Pod& pod) const {
  const PriorityClass* const found = class_of(pod);
  const std::string& policy = pod.preemption_policy.empty() && found != nullptr
                                  ? found->preemption_policy
                                  : pod.preemption_policy;
  return policy != "Never";
}

}  // namespace melon::kube::detail

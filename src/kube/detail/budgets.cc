// SPDX-License-Identifier: Apache-2.0
// Whose pods may be ended: PodDisruptionBudgets, as Kubernetes reads them.
#include "kube/detail/budgets.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "kube/detail/last_of_each.h"
#include "kube/pod_to_request.h"
#include "placement/rules.h"

namespace melon::kube::detail {
namespace {

/// Pods that nobody may end. No budget is called so: their names have a slash.
constexpr std::string_view kNeverEnded = "never ended";

/// "3", or "50%" of `all`, rounded up; reading objects has checked that it is one of them.
std::int64_t count_of(std::string_view text, std::int64_t all) {
  constexpr std::int64_t kPercent = 100;
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return text.ends_with('%') ? (all * number + kPercent - 1) / kPercent : number;
}

/// As Kubernetes would write it into the status, were all of these pods well.
/// `ending` of them are told to end already, and count as ended.
std::int64_t allowed_of(const PodDisruptionBudget& budget, std::int64_t pods, std::int64_t ending) {
  if (budget.disruptions_allowed) return *budget.disruptions_allowed;
  std::int64_t allowed = 0;
  if (!budget.max_unavailable.empty())
    allowed = std::min(pods, count_of(budget.max_unavailable, pods));
  else if (!budget.min_available.empty())
    allowed = pods - count_of(budget.min_available, pods);
  return std::max<std::int64_t>(0, allowed - ending);
}

}  // namespace

bool Budgets::Selector::means(const Pod& pod) const {
  return namespace_name == pod.metadata.namespace_name &&
         std::ranges::all_of(rules, [&pod](const placement::LabelRule& rule) {
           return placement::holds(rule, pod.metadata.labels);
         });
}

Budgets::Budgets(const Objects& objects) {
  allowed_.emplace(kNeverEnded, 0);
  const std::vector<std::size_t> pods = last_of_each(objects.pods);
  for (const std::size_t i : last_of_each(objects.budgets)) {
    const PodDisruptionBudget& budget = objects.budgets[i];
    if (!budget.selector) continue;
    Selector selector{.name = full_name(budget.metadata),
                      .namespace_name = budget.metadata.namespace_name};
    for (const SelectorRule& rule : *budget.selector) selector.rules.push_back(to_rule(rule));
    std::int64_t meant = 0;
    std::int64_t ending = 0;
    for (const std::size_t i_pod : pods) {
      const Pod& one = objects.pods[i_pod];
      if (one.is_over() || one.node_name.empty() || !selector.means(one)) continue;
      ++meant;
      ending += one.is_ending ? 1 : 0;
    }
    allowed_[selector.name] = allowed_of(budget, meant, ending);
    selectors_.push_back(std::move(selector));
  }
}

std::string Budgets::group_of(const Pod& pod) const {
  if (pod.is_static || pod.is_ending) return std::string(kNeverEnded);
  const Selector* found = nullptr;
  for (const Selector& selector : selectors_) {
    if (!selector.means(pod)) continue;
    if (found != nullptr) return std::string(kNeverEnded);
    found = &selector;
  }
  return found == nullptr ? "" : found->name;
}

}  // namespace melon::kube::detail

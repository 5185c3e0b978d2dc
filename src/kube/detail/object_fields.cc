// SPDX-License-Identifier: Apache-2.0
// Reads nodes, quotas and disruption budgets from their fields.
#include "kube/detail/object_fields.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

namespace melon::kube::detail {
namespace {

constexpr std::size_t kLongestName = 253;
constexpr std::array<std::string_view, 3> kEffects = {"NoSchedule", "PreferNoSchedule",
                                                      "NoExecute"};

NodeTaint read_taint(const Field& at) {
  NodeTaint taint{
      .key = at.at("key").text(), .value = at.at("value").text(), .effect = at.at("effect").text()};
  if (taint.key.empty()) at.at("key").refuse("a taint has a key");
  if (std::ranges::find(kEffects, taint.effect) == kEffects.end())
    at.at("effect").refuse("expected NoSchedule, PreferNoSchedule or NoExecute");
  return taint;
}

bool says_ready(const Field& conditions) {
  bool is_ready = true;
  conditions.each([&is_ready](const Field& condition) {
    if (condition.at("type").text() == "Ready") is_ready = condition.at("status").text() == "True";
  });
  return is_ready;
}

bool is_count_or_percent(std::string_view text) {
  if (text.ends_with('%')) text.remove_suffix(1);
  constexpr std::size_t kMostDigits = 9;
  return !text.empty() && text.size() <= kMostDigits &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Metadata read_metadata(const Field& root, bool is_namespaced) {
  const Field at = root.at("metadata");
  Metadata metadata{.namespace_name = at.at("namespace").text(),
                    .name = at.at("name").text(),
                    .uid = at.at("uid").text(),
                    .labels = at.at("labels").texts(),
                    .annotations = at.at("annotations").texts()};
  if (metadata.name.empty()) metadata.name = at.at("generateName").text();
  if (metadata.name.empty()) at.at("name").refuse("an object has a name");
  if (metadata.name.size() > kLongestName) at.at("name").refuse("longer than 253 characters");
  if (is_namespaced && metadata.namespace_name.empty()) metadata.namespace_name = "default";
  return metadata;
}

Node read_node(const Field& root) {
  const Field spec = root.at("spec");
  const Field status = root.at("status");
  Node node{.metadata = read_metadata(root, false),
            .unschedulable = spec.at("unschedulable").flag(),
            .ready = says_ready(status.at("conditions")),
            .capacity = status.at("capacity").amounts(),
            .allocatable = status.at("allocatable").amounts()};
  spec.at("taints").each([&node](const Field& taint) { node.taints.push_back(read_taint(taint)); });
  return node;
}

ResourceQuota read_quota(const Field& root) {
  return {.metadata = read_metadata(root, true), .hard = root.at("spec").at("hard").amounts()};
}

PodDisruptionBudget read_budget(const Field& root) {
  const Field spec = root.at("spec");
  PodDisruptionBudget budget{.metadata = read_metadata(root, true)};
  const Field selector = spec.at("selector");
  if (selector.is_there()) {
    std::vector<SelectorRule>& rules = budget.selector.emplace();
    for (const auto& [key, value] : selector.at("matchLabels").texts())
      rules.push_back({.key = key, .op = SelectorRule::Operator::kIn, .values = {value}});
    selector.at("matchExpressions").each([&rules](const Field& at) {
      rules.push_back(read_rule(at));
    });
  }
  // Behind whom it means, so that a problem of these is told only where that could be read.
  budget.min_available = spec.at("minAvailable").amount();
  budget.max_unavailable = spec.at("maxUnavailable").amount();
  for (const char* const key : {"minAvailable", "maxUnavailable"})
    if (const Field at = spec.at(key); at.is_there() && !is_count_or_percent(at.amount()))
      at.refuse("expected a number of pods, or of percent as in 50%");
  if (const Field allowed = root.at("status").at("disruptionsAllowed"); allowed.is_there())
    budget.disruptions_allowed = allowed.whole(0, std::numeric_limits<std::int32_t>::max());
  return budget;
}

std::int32_t read_priority(const Field& at) {
  constexpr std::int64_t kMostPriority = 2'000'001'000;
  return static_cast<std::int32_t>(
      at.whole(std::numeric_limits<std::int32_t>::min(), kMostPriority));
}

PriorityClass read_priority_class(const Field& root) {
  return {.metadata = read_metadata(root, false),
          .value = read_priority(root.at("value")),
          .is_default = root.at("globalDefault").flag(),
          .preemption_policy = root.at("preemptionPolicy").text()};
}

PodGroup read_group(const Field& root) {
  return {.metadata = read_metadata(root, true),
          .least_members =
              root.at("spec").at("minMember").whole(0, std::numeric_limits<std::int32_t>::max())};
}

}  // namespace melon::kube::detail

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
  return {.metadata = read_metadata(root, true),
          .match_labels = root.at("spec").at("selector").at("matchLabels").texts(),
          .disruptions_allowed = root.at("status")
                                     .at("disruptionsAllowed")
                                     .whole(0, std::numeric_limits<std::int32_t>::max())};
}

}  // namespace melon::kube::detail

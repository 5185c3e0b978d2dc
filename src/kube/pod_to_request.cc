// SPDX-License-Identifier: Apache-2.0
// What a pod asks of a node, in the engine's words.
#include "kube/pod_to_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace melon::kube {

placement::LabelRule to_rule(const SelectorRule& rule) {
  using From = SelectorRule::Operator;
  using To = placement::LabelRule::Operator;
  To op = To::kIn;
  switch (rule.op) {
    case From::kIn:
      op = To::kIn;
      break;
    case From::kNotIn:
      op = To::kNotIn;
      break;
    case From::kExists:
      op = To::kExists;
      break;
    case From::kDoesNotExist:
      op = To::kDoesNotExist;
      break;
    case From::kGt:
      op = To::kGreater;
      break;
    case From::kLt:
      op = To::kLess;
      break;
  }
  return {.key = rule.key, .op = op, .values = rule.values};
}

namespace {

using placement::LabelRule;

std::vector<LabelRule> to_rules(const SelectorTerm& term) {
  std::vector<LabelRule> rules;
  for (const SelectorRule& rule : term.labels) rules.push_back(to_rule(rule));
  for (const SelectorRule& rule : term.fields) {
    rules.push_back(to_rule(rule));
    rules.back().key = kNodeNameLabel;
  }
  return rules;
}

/// Terms without rules match nothing; where none is left, no node matches.
std::vector<std::vector<LabelRule>> to_affinity(const std::vector<SelectorTerm>& terms) {
  std::vector<std::vector<LabelRule>> affinity;
  for (const SelectorTerm& term : terms)
    if (auto rules = to_rules(term); !rules.empty()) affinity.push_back(std::move(rules));
  if (affinity.empty())
    affinity.push_back({{.key = std::string(kNodeNameLabel),
                         .op = LabelRule::Operator::kDoesNotExist,
                         .values = {}}});
  return affinity;
}

placement::Toleration to_toleration(const PodToleration& toleration) {
  const bool any_value = toleration.op == PodToleration::Operator::kExists;
  return {.key = toleration.key,
          .value = any_value ? std::nullopt : std::optional(toleration.value),
          .effect = toleration.effect};
}

Result<placement::ContainerRequest> to_container(const Container& container,
                                                 const IsDeviceResource& is_device) {
  auto resources = host_resources(asked_for(container), Round::kUp, is_device);
  if (!resources) {
    Error error = std::move(resources).error();
    error.message = fmt::format("container '{}': {}", container.name, error.message);
    return tl::unexpected<Error>(std::move(error));
  }
  return placement::ContainerRequest{.name = container.name,
                                     .role = role_of(container.role),
                                     .host = resources->amounts,
                                     .extended = std::move(resources->extended)};
}

Result<> add_containers(const Pod& pod, const IsDeviceResource& is_device,
                        placement::PodRequest& request) {
  if (!pod.overhead.empty()) {
    MELON_TRY(auto overhead, host_resources(pod.overhead, Round::kUp, is_device));
    request.containers.push_back({.role = placement::Role::kSidecar,
                                  .host = overhead.amounts,
                                  .extended = std::move(overhead.extended)});
  }
  for (const Container& container : pod.containers) {
    MELON_TRY(auto asked, to_container(container, is_device));
    request.containers.push_back(std::move(asked));
    if (container.role == ContainerRole::kInit) continue;  // gone before others want the port
    for (const ContainerPort& port : container.host_ports)
      request.host_ports.push_back({port.number, port.protocol, port.address});
  }
  return {};
}

}  // namespace

placement::Role role_of(ContainerRole role) {
  switch (role) {
    case ContainerRole::kInit:
      return placement::Role::kInit;
    case ContainerRole::kSidecar:
      return placement::Role::kSidecar;
    case ContainerRole::kApp:
      break;
  }
  return placement::Role::kApp;
}

std::size_t first_container(const Pod& pod) { return pod.overhead.empty() ? 0 : 1; }

Result<placement::PodRequest> host_request(const Pod& pod, const IsDeviceResource& is_device) {
  placement::PodRequest request{.namespace_name = pod.metadata.namespace_name,
                                .priority = pod.priority.value_or(0)};
  MELON_RETURN_IF_ERROR(add_containers(pod, is_device, request));
  for (const auto& [key, value] : pod.node_selector)
    request.labels.push_back({.key = key, .op = LabelRule::Operator::kIn, .values = {value}});
  if (pod.affinity) request.affinity = to_affinity(*pod.affinity);
  for (const PodToleration& toleration : pod.tolerations)
    request.tolerations.push_back(to_toleration(toleration));
  std::ranges::sort(request.host_ports);
  // Not std::ranges::unique: clang 14 does not take its subrange.
  request.host_ports.erase(std::unique(request.host_ports.begin(), request.host_ports.end()),
                           request.host_ports.end());
  return request;
}

}  // namespace melon::kube

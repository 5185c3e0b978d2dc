// SPDX-License-Identifier: Apache-2.0
// What else decides where a pod may go: labels, taints, ports, further resources.
#include "placement/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace melon::placement {
namespace {

std::optional<std::int64_t> number(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool compares(const LabelRule& rule, const std::string& label) {
  const auto have = number(label);
  const auto bound = rule.values.size() == 1 ? number(rule.values.front()) : std::nullopt;
  if (!have || !bound) return false;
  return rule.op == LabelRule::Operator::kGreater ? *have > *bound : *have < *bound;
}

bool tolerates(const Toleration& toleration, const Taint& taint) {
  if (!toleration.effect.empty() && toleration.effect != taint.effect) return false;
  if (toleration.key.empty()) return !toleration.value;  // only "Exists" may leave the key out
  return toleration.key == taint.key && (!toleration.value || *toleration.value == taint.value);
}

}  // namespace

bool holds(const LabelRule& rule, const std::map<std::string, std::string>& labels) {
  const auto label = labels.find(rule.key);
  const bool is_there = label != labels.end();
  const auto is_listed = [&] {
    return is_there && std::ranges::find(rule.values, label->second) != rule.values.end();
  };
  switch (rule.op) {
    case LabelRule::Operator::kIn:
      return is_listed();
    case LabelRule::Operator::kNotIn:
      return !is_listed();
    case LabelRule::Operator::kExists:
      return is_there;
    case LabelRule::Operator::kDoesNotExist:
      return !is_there;
    case LabelRule::Operator::kGreater:
    case LabelRule::Operator::kLess:
      return is_there && compares(rule, label->second);
  }
  return false;
}

bool labels_hold(const PodRequest& request, const std::map<std::string, std::string>& labels) {
  const auto all = [&labels](const std::vector<LabelRule>& rules) {
    return std::ranges::all_of(rules, [&](const LabelRule& rule) { return holds(rule, labels); });
  };
  return all(request.labels) &&
         (request.affinity.empty() || std::ranges::any_of(request.affinity, all));
}

const Taint* untolerated(const PodRequest& request, std::span<const Taint> taints) {
  for (const Taint& taint : taints) {
    if (taint.effect == "PreferNoSchedule") continue;
    const bool is_tolerated = std::ranges::any_of(
        request.tolerations,
        [&taint](const Toleration& toleration) { return tolerates(toleration, taint); });
    if (!is_tolerated) return &taint;
  }
  return nullptr;
}

const HostPort* port_in_use(const PodRequest& request, const detail::NodeEntry& node) {
  for (const HostPort& port : request.host_ports)
    if (std::ranges::any_of(node.ports,
                            [&port](const HostPort& used) { return port.is_barred_by(used); }))
      return &port;
  return nullptr;
}

std::string to_text(const HostPort& port) {
  return fmt::format("{}{}{}{}", port.address, port.address.empty() ? "" : ":", port.number,
                     port.protocol == "TCP" ? "" : "/" + port.protocol);
}

std::string scarce_resource(const std::map<std::string, std::int64_t>& asked,
                            const detail::NodeEntry& node) {
  for (const auto& [name, amount] : asked) {
    const auto free = node.extended_free.find(name);
    if (amount > 0 && (free == node.extended_free.end() || free->second < amount)) return name;
  }
  return {};
}

}  // namespace melon::placement

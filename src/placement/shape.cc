// SPDX-License-Identifier: Apache-2.0
// Prepares requests: peaks over containers, the order of demands, the key of equal requests.
#include "placement/shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <limits>
#include <numeric>

#include "placement/detail/card_sets.h"

namespace melon::placement {
namespace {

constexpr std::int64_t kNoBound = std::numeric_limits<std::int64_t>::max();

using Extended = std::map<std::string, std::int64_t>;

void add(Extended& to, const Extended& more) {
  for (const auto& [name, amount] : more) to[name] += amount;
}

void raise(Extended& to, const Extended& other) {
  for (const auto& [name, amount] : other) to[name] = std::max(to[name], amount);
}

/// max(init peak, sidecars + apps), counting before each init container the sidecars that started.
struct Peak {
  HostAmounts sidecars = {}, apps = {}, most = {};
  Extended extended_sidecars = {}, extended_apps = {}, extended_most = {};

  void start(const ContainerRequest& container) {
    HostAmounts now = container.host;
    Extended extended = container.extended;
    if (container.role == Role::kInit) {
      now += sidecars;
      add(extended, extended_sidecars);
    } else if (container.role == Role::kSidecar) {
      now = sidecars += container.host;
      add(extended_sidecars, container.extended);
      extended = extended_sidecars;
    } else {
      apps += container.host;
      add(extended_apps, container.extended);
      now = apps;
      now += sidecars;
      extended = extended_apps;
      add(extended, extended_sidecars);
    }
    most = largest_of(most, now);
    raise(extended_most, extended);
  }
};

/// Containers in the order in which they start: init and sidecar containers as written, then apps.
std::vector<std::size_t> starting_order(const std::vector<ContainerRequest>& containers) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < containers.size(); ++i)
    if (containers[i].role != Role::kApp) order.push_back(i);
  for (std::size_t i = 0; i < containers.size(); ++i)
    if (containers[i].role == Role::kApp) order.push_back(i);
  return order;
}

bool only_amounts_matter(const DeviceDemand& demand) {
  return demand.uuids.empty() && demand.not_uuids.empty() && !demand.one_numa &&
         !demand.one_link_group && !demand.unused && !detail::takes_sets(demand) &&
         demand.rules.empty() && demand.partitions.empty();
}

void append(std::string& key, const Amounts& amounts) {
  fmt::format_to(std::back_inserter(key), "{};", fmt::join(amounts.of, ","));
}

void append(std::string& key, const std::vector<std::string>& words) {
  fmt::format_to(std::back_inserter(key), "{}:", words.size());
  for (const std::string& word : words)
    fmt::format_to(std::back_inserter(key), "{}:{}", word.size(), word);
}

void append(std::string& key, std::initializer_list<std::string> words) {
  append(key, std::vector<std::string>(words));
}

void append(std::string& key, const Extended& amounts) {
  fmt::format_to(std::back_inserter(key), "{}:", amounts.size());
  for (const auto& [name, amount] : amounts)
    fmt::format_to(std::back_inserter(key), "{}:{}{};", name.size(), name, amount);
}

void append(std::string& key, const vendors::Picker& picker) {
  fmt::format_to(std::back_inserter(key), "P{};{};{};", static_cast<int>(picker.kind),
                 picker.wing_size, fmt::join(picker.counts, ","));
  for (const auto& quad : picker.quads)
    fmt::format_to(std::back_inserter(key), "{};", fmt::join(quad, ","));
  append(key, {picker.attribute, picker.ring_label, picker.ring_value, picker.scores_annotation});
}

void append_rules(std::string& key, const DeviceDemand& demand) {
  if (demand.picker.kind != vendors::PickerKind::kNone) append(key, demand.picker);
  for (const vendors::DeviceRule rule : demand.rules)
    fmt::format_to(std::back_inserter(key), "R{};", static_cast<int>(rule));
  if (!demand.rules.empty())
    fmt::format_to(std::back_inserter(key), "{};{};", static_cast<int>(demand.qos),
                   static_cast<int>(demand.app_class));
  if (demand.node_score.kind != vendors::NodeScoreKind::kNone)
    fmt::format_to(std::back_inserter(key), "N{};{};{};", static_cast<int>(demand.node_score.kind),
                   demand.node_score.weight, static_cast<int>(demand.app_class));
  for (const PartitionChoice& cut : demand.partitions) {
    append(key, {cut.type, cut.profile});
    append(key, cut.each);
    fmt::format_to(std::back_inserter(key), "{};", fmt::join(cut.places, ","));
  }
}

void append(std::string& key, const DeviceDemand& demand) {
  append(key, std::vector<std::string>{demand.vendor});
  fmt::format_to(std::back_inserter(key), "{};{};{}{}{};", demand.count,
                 demand.memory_permille.value_or(-1), demand.whole, demand.one_numa,
                 demand.one_link_group);
  append(key, demand.each);
  append(key, demand.types);
  append(key, demand.not_types);
  if (!demand.node_flag.empty()) append(key, std::vector<std::string>{"f" + demand.node_flag});
  if (demand.by_profile) key += 'p';
  append(key, demand.uuids);
  append(key, demand.not_uuids);
  if (demand.unused) key += 'u';
  if (demand.alone_with_all) key += 'a';
  if (demand.needs_compute_left) key += 'l';
  if (demand.compute_permille)
    fmt::format_to(std::back_inserter(key), "c{};", *demand.compute_permille);
  if (!demand.ring_wraps) key += 'r';
  append_rules(key, demand);
}

void append(std::string& key, const std::vector<LabelRule>& rules) {
  fmt::format_to(std::back_inserter(key), "{}:", rules.size());
  for (const LabelRule& rule : rules) {
    fmt::format_to(std::back_inserter(key), "{};", static_cast<int>(rule.op));
    append(key, std::vector<std::string>{rule.key});
    append(key, rule.values);
  }
}

}  // namespace

PodRequest shape_of(PodRequest request) {
  request.namespace_name.clear();
  request.priority = 0;
  for (ContainerRequest& container : request.containers) {
    container.name.clear();
    container.host.pods = 0;
  }
  return request;
}

std::string shape_key(const PodRequest& shape) {
  std::string key;
  for (const ContainerRequest& container : shape.containers) {
    const HostAmounts& host = container.host;
    fmt::format_to(std::back_inserter(key), "c{};{};{};{};", static_cast<int>(container.role),
                   host.cpu_milli, host.memory_mib, host.ephemeral_mib);
    append(key, container.extended);
    fmt::format_to(std::back_inserter(key), "{}:", container.devices.size());
    for (const DeviceDemand& demand : container.devices) append(key, demand);
  }
  append(key, shape.labels);
  fmt::format_to(std::back_inserter(key), "a{}:", shape.affinity.size());
  for (const auto& rules : shape.affinity) append(key, rules);
  for (const Toleration& toleration : shape.tolerations)
    append(key,
           {toleration.key, toleration.value ? "=" + *toleration.value : "", toleration.effect});
  for (const HostPort& port : shape.host_ports)
    append(key, std::vector<std::string>{"p" + to_text(port)});
  if (shape.split)
    fmt::format_to(std::back_inserter(key), "s{};{}", shape.split->most_pieces,
                   shape.split->least_permille);
  for (const QuotaBound& quota : shape.quotas) {
    append(key, {"q" + quota.vendor, quota.of});
    fmt::format_to(std::back_inserter(key), "{};{};", quota.memory_mib.value_or(kNoBound),
                   quota.compute.value_or(kNoBound));
  }
  return key;
}

Shape::Shape(const PodRequest& request, std::uint64_t id) : id_(id), request_(shape_of(request)) {
  Peak peak;
  for (const std::size_t at : starting_order(request_.containers)) {
    const ContainerRequest& container = request_.containers[at];
    peak.start(container);
    for (const DeviceDemand& demand : container.devices)
      if (demand.count > 0) steps_.push_back({at, container.role, demand});
  }
  host_ = peak.most;
  host_.pods = 1;
  extended_ = peak.extended_most;
  is_simple_ = steps_.empty() || (steps_.size() == 1 && only_amounts_matter(steps_[0].demand));
  const std::size_t slices = std::transform_reduce(
      steps_.begin(), steps_.end(), std::size_t{0}, std::plus<>(),
      [](const Step& step) { return static_cast<std::size_t>(step.demand.count); });
  shares_quota_ = !request_.quotas.empty() && slices > 1;
}

}  // namespace melon::placement

// SPDX-License-Identifier: Apache-2.0
// Why nodes do not take a request: the first rule that fails on each, with its numbers.
#include "placement/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "placement/detail/device_trial.h"
#include "placement/rules.h"

namespace melon::placement {
namespace {

constexpr std::array<std::string_view, kRules> kWords = {
    "cordoned",
    "labels",
    "taint",
    "port",
    "pods",
    "cpu",
    "memory",
    "ephemeral_storage",
    "extended_resource",
    "devices",
    "unhealthy",
    "device_cordoned",
    "type",
    "uuid",
    "slots",
    "shared",
    "device_memory",
    "compute",
    "extra_dimension",
    "no_place",
    "uniform_slice",
    "class_of_service",
    "application_class",
    "compute_taken",
    "quota",
    "too_few",
    "one_group",
    "set",
    "together",
    "split",
};

Obstacle simple(Rule rule, std::int64_t asked, std::int64_t found, std::string subject = {}) {
  // Where more is given out than there is, nothing is left.
  return {.rule = rule,
          .subject = std::move(subject),
          .asked = asked,
          .found = std::max<std::int64_t>(found, 0)};
}

std::string name_of(const Taint& taint) {
  return fmt::format("{}{}{}:{}", taint.key, taint.value.empty() ? "" : "=", taint.value,
                     taint.effect);
}

/// The first line of the selector that does not hold, as people write it.
std::string unmet(const PodRequest& request, const std::map<std::string, std::string>& labels) {
  for (const LabelRule& rule : request.labels)
    if (!holds(rule, labels))
      return fmt::format("{}{}{}", rule.key, rule.values.empty() ? "" : "=",
                         rule.values.empty() ? "" : rule.values.front());
  return "node affinity";
}

std::optional<Obstacle> amount_obstacle(const HostAmounts& asked, const HostAmounts& free) {
  if (HostAmounts::is_short(asked.pods, free.pods))
    return simple(Rule::kPods, asked.pods, free.pods);
  if (HostAmounts::is_short(asked.cpu_milli, free.cpu_milli))
    return simple(Rule::kCpu, asked.cpu_milli, free.cpu_milli);
  if (HostAmounts::is_short(asked.memory_mib, free.memory_mib))
    return simple(Rule::kMemory, asked.memory_mib, free.memory_mib);
  if (HostAmounts::is_short(asked.ephemeral_mib, free.ephemeral_mib))
    return simple(Rule::kEphemeral, asked.ephemeral_mib, free.ephemeral_mib);
  return std::nullopt;
}

/// Where devices would do one by one.
std::string several_text(const Obstacle& obstacle) {
  switch (obstacle.rule) {
    case Rule::kSet:
      return fmt::format(
          "{} devices asked that work together ({}), {} of {} have room and form no "
          "such set",
          obstacle.asked, obstacle.subject, obstacle.found, obstacle.of_kind);
    case Rule::kTooFew:
      return fmt::format("{} devices asked, {} of {} have room", obstacle.asked, obstacle.found,
                         obstacle.of_kind);
    case Rule::kOneGroup:
      return fmt::format("{} devices of one {} asked, at most {} of one have room", obstacle.asked,
                         obstacle.subject, obstacle.found);
    default:
      return "each container fits by itself, but not all together";
  }
}

std::string type_text(const Obstacle& obstacle) {
  if (!obstacle.subject.empty())
    return fmt::format(
        "the pod asks for a node that is annotated {}: \"true\", and this one is not",
        obstacle.subject);
  return fmt::format("{} of {} devices have another type or mode than the pod accepts",
                     obstacle.found, obstacle.of_kind);
}

std::string device_text(const Obstacle& obstacle) {
  switch (obstacle.rule) {
    case Rule::kDevices:
      return fmt::format("{} {} device{} asked, the node has {}", obstacle.asked, obstacle.subject,
                         obstacle.asked == 1 ? "" : "s", obstacle.found);
    case Rule::kUnhealthy:
      return fmt::format("{} of {} devices are not healthy", obstacle.found, obstacle.of_kind);
    case Rule::kDeviceCordoned:
      return fmt::format("{} of {} devices are cordoned", obstacle.found, obstacle.of_kind);
    case Rule::kType:
      return type_text(obstacle);
    case Rule::kUuid:
      return fmt::format("{} of {} devices are not among those that the pod accepts",
                         obstacle.found, obstacle.of_kind);
    case Rule::kSlots:
      return fmt::format("{} slot{} asked, most free device has {}", obstacle.asked,
                         obstacle.asked == 1 ? "" : "s", obstacle.found);
    case Rule::kShared:
      return fmt::format("a device alone asked, {} of {} are in use", obstacle.found,
                         obstacle.of_kind);
    case Rule::kDeviceMemory:
      return fmt::format("{} MiB asked, most free device has {}", obstacle.asked, obstacle.found);
    case Rule::kCompute:
      return fmt::format("{} of compute asked, most free device has {}", obstacle.asked,
                         obstacle.found);
    case Rule::kExtra:
      return fmt::format("{} of {} asked, most free device has {}", obstacle.asked,
                         obstacle.subject.empty() ? "the device's further units" : obstacle.subject,
                         obstacle.found);
    case Rule::kComputeTaken:
      return fmt::format("all compute of {} of {} devices is taken", obstacle.found,
                         obstacle.of_kind);
    case Rule::kQuota:
      return fmt::format("quota of {}: at least {} asked on this node, {} left", obstacle.subject,
                         obstacle.asked, obstacle.found);
    case Rule::kNoPlace:
      return fmt::format("on {} of {} devices no place is free where such a slice can be cut",
                         obstacle.found, obstacle.of_kind);
    case Rule::kUniformSlice:
      return fmt::format("slices of {} of {} devices have another size, and all have one",
                         obstacle.found, obstacle.of_kind);
    case Rule::kQos:
      return fmt::format("{} of {} devices serve another class of service", obstacle.found,
                         obstacle.of_kind);
    case Rule::kAppClass:
      return fmt::format("{} of {} devices have users of another application class", obstacle.found,
                         obstacle.of_kind);
    default:
      return several_text(obstacle);
  }
}

/// By rule, what it is about and what is asked: what nodes must share to be told together.
using GroupKey = std::tuple<Rule, std::string, std::int64_t>;

bool is_alike(const Obstacle& a, const Obstacle& b) {
  return a.rule == b.rule && a.asked == b.asked && a.subject == b.subject;
}

/// Asks one node after the other about a request.
class Obstacles {
 public:
  Obstacles(const Index& index, const Shape& shape) : nodes_(index.nodes()), shape_(shape) {
    for (const Shape::Step& step : shape.steps())
      trials_.emplace_back(nodes_, step.demand, shape.request().quotas);
  }

  std::optional<Obstacle> on(std::uint32_t node) {
    if (auto found = detail::host_obstacle(shape_, nodes_, node)) return found;
    for (detail::DeviceTrial& trial : trials_) {
      trial.look_at(node);
      auto found = trial.obstacle();
      if (!found) continue;
      found->found = std::max<std::int64_t>(found->found, 0);
      return found;
    }
    return std::nullopt;
  }

 private:
  const detail::NodeTable& nodes_;
  const Shape& shape_;
  std::vector<detail::DeviceTrial> trials_ = {};
};

}  // namespace

std::optional<Obstacle> detail::host_obstacle(const Shape& shape, const NodeTable& nodes,
                                              std::uint32_t node) {
  const NodeRow& row = nodes.rows[node];
  const NodeEntry& entry = nodes.entries[node];
  const PodRequest& request = shape.request();
  if (!row.open) return simple(Rule::kCordoned, 0, 0);
  if (!labels_hold(request, entry.labels))
    return simple(Rule::kLabels, 0, 0, unmet(request, entry.labels));
  if (const Taint* const taint = untolerated(request, entry.taints))
    return simple(Rule::kTaint, 0, 0, name_of(*taint));
  if (const HostPort* const port = port_in_use(request, entry))
    return simple(Rule::kPort, port->number, 0, to_text(*port));
  if (auto found = amount_obstacle(shape.host(), row.free)) return found;
  if (const std::string name = scarce_resource(shape.extended(), entry); !name.empty()) {
    const auto free = entry.extended_free.find(name);
    return simple(Rule::kExtended, shape.extended().at(name),
                  free == entry.extended_free.end() ? 0 : free->second, name);
  }
  return std::nullopt;
}

std::string_view word_of(Rule rule) { return kWords.at(static_cast<std::size_t>(rule)); }

std::string to_text(const Obstacle& obstacle) {
  switch (obstacle.rule) {
    case Rule::kCordoned:
      return "cordoned";
    case Rule::kLabels:
      return fmt::format("the node does not have {}", obstacle.subject);
    case Rule::kTaint:
      return fmt::format("taint {} is not tolerated", obstacle.subject);
    case Rule::kPort:
      return fmt::format("host port {} is in use", obstacle.subject);
    case Rule::kPods:
      return "no room for another pod";
    case Rule::kCpu:
      return fmt::format("{}m CPU asked, most free node has {}m", obstacle.asked, obstacle.found);
    case Rule::kMemory:
      return fmt::format("{} MiB of host memory asked, most free node has {}", obstacle.asked,
                         obstacle.found);
    case Rule::kEphemeral:
      return fmt::format("{} MiB of ephemeral storage asked, most free node has {}", obstacle.asked,
                         obstacle.found);
    case Rule::kExtended:
      return fmt::format("{} {} asked, most free node has {}", obstacle.asked, obstacle.subject,
                         obstacle.found);
    case Rule::kSplit:
      return obstacle.subject;
    default:
      return device_text(obstacle);
  }
}

std::optional<Obstacle> obstacle_on(const Index& index, const Shape& shape, std::uint32_t node) {
  return Obstacles(index, shape).on(node);
}

std::vector<DeviceAnswer> device_answers(const Index& index, const Shape& shape,
                                         std::uint32_t node) {
  if (shape.steps().empty()) return {};
  detail::DeviceTrial trial(index.nodes(), shape.steps().front().demand, shape.request().quotas);
  trial.look_at(node);
  return trial.answers();
}

std::vector<ObstacleGroup> explain(const Index& index, const Shape& shape) {
  const detail::NodeTable& nodes = index.nodes();
  Obstacles obstacles(index, shape);
  std::map<GroupKey, ObstacleGroup> groups;
  ObstacleGroup* last = nullptr;  // neighbours are often alike
  for (std::uint32_t node = 0; node < nodes.entries.size(); ++node) {
    const detail::NodeEntry& entry = nodes.entries[node];
    if (!entry.present) continue;
    Obstacle obstacle = obstacles.on(node).value_or(Obstacle{});
    if (last == nullptr || !is_alike(last->obstacle, obstacle))
      last = &groups[{obstacle.rule, obstacle.subject, obstacle.asked}];
    ObstacleGroup& group = *last;
    const bool is_better = group.nodes == 0 || obstacle.found > group.obstacle.found ||
                           (obstacle.found == group.obstacle.found && entry.name < group.example);
    ++group.nodes;
    if (!is_better) continue;
    group.obstacle = std::move(obstacle);
    group.example = entry.name;
  }
  std::vector<ObstacleGroup> sorted;
  for (auto& [key, group] : groups) sorted.push_back(std::move(group));
  std::ranges::stable_sort(sorted, std::ranges::greater{}, &ObstacleGroup::nodes);
  return sorted;
}

}  // namespace melon::placement

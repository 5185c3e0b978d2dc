// SPDX-License-Identifier: Apache-2.0
// Reads clusters and tasks of traces, and translates them for the engine.
#include "simulate/trace.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace melon::simulate {
namespace {

constexpr std::int64_t kMostHost = std::int64_t{1} << 40U;
constexpr std::int64_t kMostCards = 200;
constexpr std::int32_t kWholeCard = 1000;
constexpr std::int64_t kMostPods = 1001;  // of a node: what the published runs had

placement::DeviceSpec card(const std::string& node, std::int64_t index, const std::string& model) {
  placement::DeviceSpec device{
      .uuid = node + "/" + std::to_string(index), .type = model, .index = static_cast<int>(index)};
  device.capacity[placement::kSlots] = kWholeCard;  // every slice has a thousandth at least
  device.capacity[placement::kCompute] = kWholeCard;
  return device;
}

std::vector<std::string> split_models(const std::string& text) {
  std::vector<std::string> models;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('|'), rest.size());
    if (end > 0) models.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return models;
}

placement::DeviceDemand demand_of(const TracePod& pod) {
  placement::DeviceDemand demand{.count = pod.cards, .types = split_models(pod.models)};
  demand.each[placement::kCompute] = pod.card_milli;
  return demand;
}

Result<TracePod> read_pod(const Csv& table, std::size_t row) {
  TracePod pod{.name = table.text(row, "name")};
  if (pod.name.empty())
    return tl::unexpected(table.error_at(row, "name", "empty", "give every task a name"));
  MELON_TRY(pod.cpu_milli, table.number(row, "cpu_milli", 0, kMostHost));
  MELON_TRY(pod.memory_mib, table.number(row, "memory_mib", 0, kMostHost));
  MELON_TRY(const std::int64_t cards, table.number(row, "num_gpu", 0, kMostCards));
  MELON_TRY(const std::int64_t milli, table.number(row, "gpu_milli", 0, kWholeCard));
  pod.cards = static_cast<int>(cards);
  pod.card_milli = static_cast<int>(milli);
  if (cards > 0 && milli == 0)
    return tl::unexpected(table.error_at(row, "gpu_milli", "a task with cards takes none of them",
                                         "write 1 to 1000"));
  if (cards == 0) pod.card_milli = 0;
  if (cards > 0 && table.has("gpu_spec")) pod.models = table.text(row, "gpu_spec");
  return pod;
}

}  // namespace

Result<std::vector<placement::NodeSpec>> read_nodes(const NamedText& source) {
  MELON_TRY(const Csv table, Csv::read(source, {"sn", "cpu_milli", "memory_mib", "gpu", "model"}));
  std::vector<placement::NodeSpec> nodes;
  std::set<std::string> names;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    placement::NodeSpec node{.name = table.text(row, "sn"),
                             .rank = static_cast<std::uint32_t>(row)};
    if (node.name.empty() || !names.insert(node.name).second)
      return tl::unexpected(table.error_at(row, "sn", "a name that is empty or was used before",
                                           "give every node a name of its own"));
    MELON_TRY(node.capacity.cpu_milli, table.number(row, "cpu_milli", 0, kMostHost));
    MELON_TRY(node.capacity.memory_mib, table.number(row, "memory_mib", 0, kMostHost));
    node.capacity.pods = kMostPods;
    MELON_TRY(const std::int64_t cards, table.number(row, "gpu", 0, kMostCards));
    for (std::int64_t i = 0; i < cards; ++i)
      node.devices.push_back(card(node.name, i, table.text(row, "model")));
    nodes.push_back(std::move(node));
  }
  return nodes;
}

Result<std::vector<TracePod>> read_pods(const NamedText& source) {
  MELON_TRY(const Csv table,
            Csv::read(source, {"name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli"}));
  std::vector<TracePod> pods;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    MELON_TRY(TracePod pod, read_pod(table, row));
    pods.push_back(std::move(pod));
  }
  return pods;
}

placement::PodRequest request_of(const TracePod& pod) {
  placement::ContainerRequest container;
  container.host = {.cpu_milli = pod.cpu_milli, .memory_mib = pod.memory_mib};
  if (pod.cards > 0) container.devices.push_back(demand_of(pod));
  placement::PodRequest request;
  request.containers.push_back(std::move(container));
  return request;
}

std::vector<placement::TargetShape> target_shapes(const std::vector<TracePod>& pods) {
  using Key = std::tuple<std::int64_t, int, int, std::string>;
  std::map<Key, std::int64_t> counts;
  for (const TracePod& pod : pods) ++counts[{pod.cpu_milli, pod.card_milli, pod.cards, pod.models}];
  std::vector<std::pair<std::int64_t, Key>> sorted;
  for (const auto& [key, count] : counts) sorted.emplace_back(count, key);
  std::ranges::sort(sorted, std::greater<>());
  std::vector<placement::TargetShape> targets;
  std::int64_t covered = 0;
  for (const auto& [count, key] : sorted) {
    if (covered * 100 >= static_cast<std::int64_t>(pods.size()) * 95) break;
    const auto& [cpu, milli, cards, models] = key;
    placement::TargetShape target{.cpu_milli = cpu, .weight = count};
    if (cards > 0)
      target.devices = demand_of({.cards = cards, .card_milli = milli, .models = models});
    targets.push_back(std::move(target));
    covered += count;
  }
  return targets;
}

std::int64_t gpu_milli_of(const std::vector<placement::NodeSpec>& nodes) {
  std::int64_t sum = 0;
  for (const placement::NodeSpec& node : nodes)
    sum += static_cast<std::int64_t>(node.devices.size()) * kWholeCard;
  return sum;
}

}  // namespace melon::simulate

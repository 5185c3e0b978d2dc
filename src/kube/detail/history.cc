// SPDX-License-Identifier: Apache-2.0
// Learns from the pods that run what tends to be asked for.
#include "kube/detail/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>

#include "placement/shape.h"

namespace melon::kube::detail {
namespace {

using placement::TargetShape;

TargetShape target_of(const placement::PodRequest& request) {
  TargetShape shape;
  for (const placement::ContainerRequest& container : request.containers) {
    shape.cpu_milli += container.host.cpu_milli;
    if (!shape.devices && !container.devices.empty()) shape.devices = container.devices.front();
  }
  if (shape.devices) {  // one pod's devices say nothing about what others will ask for
    shape.devices->uuids.clear();
    shape.devices->not_uuids.clear();
  }
  return shape;
}

/// Weights add up to no more than the measure takes.
void scale(std::vector<TargetShape>& shapes) {
  std::int64_t sum = 0;
  for (const TargetShape& shape : shapes) sum += shape.weight;
  if (sum <= placement::Fragmentation::kMostWeight) return;
  for (TargetShape& shape : shapes)
    shape.weight =
        std::max<std::int64_t>(1, shape.weight * (placement::Fragmentation::kMostWeight / 2) / sum);
}

/// Counts shapes, each once.
class Counted {
 public:
  void add(TargetShape shape) {
    has_devices_ = has_devices_ || shape.devices.has_value();
    placement::PodRequest alike;
    alike.containers.push_back({.host = {.cpu_milli = shape.cpu_milli}});
    if (shape.devices) alike.containers.front().devices.push_back(*shape.devices);
    const auto [at, is_new] = known_.emplace(placement::shape_key(alike), shapes_.size());
    if (is_new && shapes_.size() >= kMostShapes) return;
    if (is_new) shapes_.push_back(std::move(shape));
    if (at->second < shapes_.size()) ++shapes_[at->second].weight;
  }

  std::vector<TargetShape> take() {
    if (!has_devices_) return {};
    scale(shapes_);
    return std::move(shapes_);
  }

 private:
  static constexpr std::size_t kMostShapes = 1024;
  std::vector<TargetShape> shapes_ = {};
  std::map<std::string, std::size_t> known_ = {};  // by the shape's key
  bool has_devices_ = false;
};

/// "2d", "3h": as much of an age as matters.
std::string age_text(std::int64_t seconds) {
  constexpr std::int64_t kHour = 3600;
  constexpr std::int64_t kDay = 24 * kHour;
  if (seconds >= 2 * kDay) return fmt::format("{}d", seconds / kDay);
  if (seconds >= 2 * kHour) return fmt::format("{}h", seconds / kHour);
  return fmt::format("{}m", seconds / 60);
}

/// Collects the pods that a rule lets in.
class Collector {
 public:
  Collector(const Announced& announced, const vendors::Catalogue& catalogue,
            vendors::Compatibility compat, std::int64_t now)
      : announced_(announced), catalogue_(catalogue), compat_(compat), now_(now) {}

  std::int64_t age_of(const Pod& pod) const {
    const bool is_told = pod.started_unix_seconds > 0 && now_ > 0;
    return is_told ? std::max<std::int64_t>(0, now_ - pod.started_unix_seconds) : kNotTold;
  }

  History of(const std::vector<Pod>& pods, bool recent) const {
    Counted counted;
    History history{.is_recent = recent};
    std::int64_t newest = kHistorySeconds;
    for (const Pod& pod : pods) {
      const std::int64_t age = age_of(pod);
      const bool counts = recent && age != kNotTold ? age <= kHistorySeconds : !pod.is_over();
      if (pod.node_name.empty() || !counts) continue;
      const auto asked = to_request(pod, announced_, catalogue_, compat_, PodStage::kRuns);
      if (!asked) continue;
      counted.add(target_of(asked->request));
      if (age == kNotTold) continue;
      newest = history.oldest_seconds == 0 ? age : std::min(newest, age);
      history.oldest_seconds = std::max<std::int64_t>({history.oldest_seconds, age, 1});
    }
    history.newest_seconds = history.oldest_seconds == 0 ? 0 : newest;
    history.shapes = counted.take();
    return history;
  }

 private:
  static constexpr std::int64_t kNotTold = -1;
  const Announced& announced_;
  const vendors::Catalogue& catalogue_;
  vendors::Compatibility compat_;
  std::int64_t now_;
};

}  // namespace

History workload_history(const Objects& objects, const Announced& announced,
                         const vendors::Catalogue& catalogue, vendors::Compatibility compat,
                         std::int64_t unix_seconds) {
  const Collector collector(announced, catalogue, compat, unix_seconds);
  History history = collector.of(objects.pods, true);
  return history.shapes.empty() ? collector.of(objects.pods, false) : history;
}

std::string to_text(const History& history) {
  const bool has_ages = history.oldest_seconds > 0;
  std::string text =
      fmt::format("{} shape{} of pods that {} tell what comes", history.shapes.size(),
                  history.shapes.size() == 1 ? "" : "s",
                  has_ages && history.is_recent
                      ? fmt::format("started in the last {}", age_text(kHistorySeconds))
                      : "run");
  if (has_ages)
    text += fmt::format("; the oldest started {} ago, the newest {} ago",
                        age_text(history.oldest_seconds), age_text(history.newest_seconds));
  return text;
}

}  // namespace melon::kube::detail

// SPDX-License-Identifier: Apache-2.0
// Learns from the pods that run what tends to be asked for.
#include "kube/detail/history.h"

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

}  // namespace

std::vector<TargetShape> workload_history(const Objects& objects, const Announced& announced,
                                          const vendors::Catalogue& catalogue,
                                          vendors::Compatibility compat) {
  Counted counted;
  for (const Pod& pod : objects.pods) {
    if (pod.node_name.empty() || pod.is_over()) continue;
    const auto asked = to_request(pod, announced, catalogue, compat);
    if (asked) counted.add(target_of(asked->request));
  }
  return counted.take();
}

}  // namespace melon::kube::detail

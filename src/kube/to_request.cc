// SPDX-License-Identifier: Apache-2.0
// A pod's demands for devices, in the engine's words.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "kube/cluster.h"
#include "kube/detail/backend_amounts.h"
#include "kube/detail/partitions.h"
#include "kube/pod_to_request.h"

namespace melon::kube {
namespace {

using placement::Amounts;
using placement::DeviceDemand;

constexpr std::int64_t kWholePercent = 100;
constexpr std::int64_t kWholePermille = 1000;
/// Accepted types of a demand that none of the cluster's types suits: an empty list would accept
/// all.
constexpr std::string_view kNoType = "none of the types that there are";

vendors::ContainerKind kind_of(ContainerRole role) {
  switch (role) {
    case ContainerRole::kInit:
      return vendors::ContainerKind::kInitial;
    case ContainerRole::kSidecar:
      return vendors::ContainerKind::kSidecar;
    case ContainerRole::kApp:
      break;
  }
  return vendors::ContainerKind::kApp;
}

/// Without the scheduler's name: what a pod asks for does not depend on who was asked, and HAMi's
/// webhook has written its own into every pod with devices.
vendors::PodSpec pod_spec(const Pod& pod, PodStage stage) {
  vendors::PodSpec spec{.annotations = pod.metadata.annotations, .containers = {}};
  // What is printed of a pod that runs names its node too.
  if (stage == PodStage::kComes && pod.metadata.uid.empty()) spec.node_name = pod.node_name;
  for (const Container& container : pod.containers)
    spec.containers.push_back({.name = container.name,
                               .kind = kind_of(container.role),
                               .privileged = container.privileged,
                               .limits = container.limits,
                               .requests = container.requests});
  return spec;
}

/// Translates demands, with the devices that there are.
class Translation {
 public:
  Translation(const Announced& announced, const vendors::Catalogue& catalogue,
              vendors::Compatibility compat)
      : announced_(announced), catalogue_(catalogue), compat_(compat) {}

  Result<DeviceDemand> to_demand(const vendors::Demand& demand) const {
    const vendors::Backend& backend = catalogue_.backend(demand.backend);
    DeviceDemand result{.vendor = backend.word,
                        .count = static_cast<int>(std::min<std::int64_t>(
                            demand.count, std::numeric_limits<std::int16_t>::max())),
                        .uuids = demand.selectors.use_uuids,
                        .not_uuids = demand.selectors.no_use_uuids,
                        .one_numa = demand.selectors.numa_bind};
    if (accepts_some(demand, backend)) result.types = accepted_types(demand, backend);
    if (mode_of(demand, backend) != NodeMode::kAny)
      result.node_flag = backend.soft_mode.node_annotation;
    result.by_profile = demand.by_profile;
    MELON_TRY(result.each, detail::engine_amounts(backend, {.slots = demand.slots,
                                                            .memory_mib = demand.memory.count(),
                                                            .compute = demand.compute,
                                                            .costs = demand.costs}));
    if (demand.memory.count() == 0 && demand.memory_percent > 0)
      result.memory_permille = static_cast<int>(share_of(demand, backend));
    // HAMi has a check for it, in an order of its own.
    result.whole = !vendors::is_compatible(compat_) &&
                   has(backend.device_rules, vendors::DeviceRule::kIdleOnly);
    add_compute(demand, backend, result);
    add_rules(demand, backend, result);
    return result;
  }

 private:
  const std::map<std::string, AnnouncedDevice>& types_of(vendors::BackendId id) const {
    static const std::map<std::string, AnnouncedDevice> kNone;
    const auto found = announced_.types.find(id);
    return found == announced_.types.end() ? kNone : found->second;
  }

  /// Permille of a device's memory: of a vendor who counts in slots, up to whole ones of the
  /// cluster's devices; where some have more slots than others, up to the largest of what that
  /// comes to.
  std::int64_t share_of(const vendors::Demand& demand, const vendors::Backend& backend) const {
    const std::int64_t asked = demand.memory_percent * 10;
    if (backend.memory.rounding != vendors::Rounding::kSlots) return asked;
    std::int64_t share = asked;
    for (const auto& [node, devices] : announced_.of_node)
      for (const auto& [uuid, device] : devices) {
        if (device.backend != demand.backend || device.slots < 1) continue;
        const std::int64_t slots = (asked * device.slots + kWholePermille - 1) / kWholePermille;
        share = std::max(share, slots * kWholePermille / device.slots);
      }
    return share;
  }

  static bool has(const std::vector<vendors::DeviceRule>& rules, vendors::DeviceRule rule) {
    return std::ranges::find(rules, rule) != rules.end();
  }

  /// Which devices are taken together, who may share one, and how those that can be are cut.
  void add_rules(const vendors::Demand& demand, const vendors::Backend& backend,
                 DeviceDemand& result) const {
    if (has_picker(demand, backend)) result.picker = backend.picker;
    if (vendors::is_compatible(compat_)) result.node_score = backend.node_score;
    result.ring_wraps = !vendors::is_compatible(compat_);
    for (const vendors::DeviceRule rule : backend.device_rules)
      if (!result.whole || rule != vendors::DeviceRule::kIdleOnly) result.rules.push_back(rule);
    for (const auto& [name, capacity] : backend.dimensions) result.extra_names.push_back(name);
    if (detail::has_classes(backend)) {
      result.qos = demand.qos;
      result.app_class = demand.app_class;
      result.each = detail::with_classes(result.each, demand.qos, demand.app_class);
    }
    const auto tables = announced_.tables.find(demand.backend);
    if (tables == announced_.tables.end()) return;
    for (const auto& [type, table] : tables->second)
      result.partitions.push_back(detail::choice_of(table, type, demand));
  }

  bool has_picker(const vendors::Demand& demand, const vendors::Backend& backend) const {
    switch (backend.picker.kind) {
      case vendors::PickerKind::kZoneBestFit:
        return demand.selectors.topology;
      case vendors::PickerKind::kLinkMatrix:
        return announced_.has_links;
      default:
        return true;
    }
  }

  /// Which nodes serve a demand, where some slice by software: HAMi 2.9 keeps parts of devices that
  /// are cut off those.
  enum class NodeMode { kAny, kSoft, kHard };

  NodeMode mode_of(const vendors::Demand& demand, const vendors::Backend& backend) const {
    if (demand.soft) return NodeMode::kSoft;
    const bool is_part = !backend.soft_mode.annotation.empty() && !demand.template_name.empty();
    return is_part && compat_ == vendors::Compatibility::kHami29 ? NodeMode::kHard : NodeMode::kAny;
  }

  bool accepts_some(const vendors::Demand& demand, const vendors::Backend& backend) const {
    const vendors::Selectors& selectors = demand.selectors;
    return !selectors.use_types.empty() || !selectors.no_use_types.empty() ||
           !selectors.modes.empty() || mode_of(demand, backend) != NodeMode::kAny;
  }

  std::vector<std::string> accepted_types(const vendors::Demand& demand,
                                          const vendors::Backend& backend) const {
    std::vector<std::string> accepted;
    const NodeMode mode = mode_of(demand, backend);
    for (const auto& [type, device] : types_of(demand.backend)) {
      if (!vendors::accepts_type(demand.selectors, backend, device.type, compat_)) continue;
      if (!vendors::accepts_mode(demand.selectors, device.mode, compat_)) continue;
      const bool is_soft = device.mode == detail::kSoftMode;
      if (mode == (is_soft ? NodeMode::kHard : NodeMode::kSoft)) continue;
      accepted.push_back(type);
    }
    if (accepted.empty()) accepted.emplace_back(kNoType);
    return accepted;
  }

  /// What is a share of each device is counted against that device. All compute of 100 percent
  /// means the device alone; where compute is scaled a device has more or less than 100.
  static void add_compute(const vendors::Demand& demand, const vendors::Backend& backend,
                          DeviceDemand& result) {
    const auto share = [&result](std::int64_t permille) {
      result.compute_permille = static_cast<int>(permille);
      result.each[placement::kCompute] = 0;
    };
    // Online users are asked nothing about compute: the others on the device stand back for them.
    result.needs_compute_left =
        demand.compute == 0 && demand.app_class != vendors::AppClass::kOnline;
    switch (backend.compute.unit) {
      case vendors::ComputeUnit::kComputeUnits:
        if (demand.compute > 0) share(demand.compute * 10);
        break;
      case vendors::ComputeUnit::kCoreMask:
        if (!demand.by_compute) share(kWholePermille);
        break;
      case vendors::ComputeUnit::kPercent:
        result.alone_with_all = demand.compute >= kWholePercent;
        break;
      case vendors::ComputeUnit::kUnits:
        break;
    }
  }

  const Announced& announced_;
  const vendors::Catalogue& catalogue_;
  vendors::Compatibility compat_;
};

placement::SplitRule split_of(const vendors::Demand& demand) {
  constexpr std::int64_t kMostPieces = 64;
  return {
      .most_pieces = static_cast<int>(std::min(demand.split.most_pieces, kMostPieces)),
      .least_permille = static_cast<int>(std::max<std::int64_t>(1, demand.split.smallest.count()))};
}

Result<vendors::Admission> admitted(const Pod& pod, const vendors::Catalogue& catalogue,
                                    vendors::Compatibility compat, PodStage stage) {
  vendors::PodSpec spec = pod_spec(pod, stage);
  if (pod.metadata.uid.empty() || !vendors::is_compatible(compat))
    return vendors::admit(spec, catalogue, {.mode = compat});
  MELON_TRY(vendors::Demands demands, vendors::demands_of(spec, catalogue, compat));
  return vendors::Admission{.pod = std::move(spec), .demands = std::move(demands)};
}

}  // namespace

Result<AskedPod> to_request(const Pod& pod, const Announced& announced,
                            const vendors::Catalogue& catalogue, vendors::Compatibility compat,
                            PodStage stage) {
  MELON_TRY(vendors::Admission admission, admitted(pod, catalogue, compat, stage));
  const auto is_device = [&catalogue](std::string_view name) {
    return catalogue.meaning(name).has_value();
  };
  MELON_TRY(placement::PodRequest request, host_request(pod, is_device));
  const Translation translation(announced, catalogue, compat);
  const std::size_t first = first_container(pod);
  placement::SplitRule split;
  for (std::size_t i = 0; i < admission.demands.size(); ++i)
    for (const vendors::Demand& demand : admission.demands[i]) {
      MELON_TRY(DeviceDemand asked, translation.to_demand(demand));
      request.containers[first + i].devices.push_back(std::move(asked));
      split = split_of(demand);
    }
  if (split.most_pieces > 1) request.split = split;
  return AskedPod{.request = std::move(request),
                  .admitted = std::move(admission.pod),
                  .demands = std::move(admission.demands)};
}

}  // namespace melon::kube

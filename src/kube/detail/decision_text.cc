// SPDX-License-Identifier: Apache-2.0
// Tells where a pod goes: by container, and as annotations.
#include "kube/detail/decision_text.h"

#include <algorithm>
#include <bit>
#include <map>
#include <utility>

#include "annotations/partition_allocations.h"
#include "annotations/pod_devices.h"
#include "kube/detail/backend_amounts.h"
#include "kube/detail/peak.h"
#include "kube/pod_to_request.h"
#include "vendors/decision.h"
#include "vendors/template_text.h"

namespace melon::kube::detail {
namespace {

using placement::detail::ContainerSlice;

/// A slice of the engine's answer with what is known of its device.
struct Taken {
  std::size_t container = 0;  // in the pod's order
  std::string uuid = {};
  std::string backend = {};
  std::string type = {};  // the engine's
  placement::Amounts amounts = {};
};

std::vector<Taken> taken_by(const PlacedPod& placed) {
  const placement::detail::NodeTable& nodes = placed.index.nodes();
  const placement::detail::NodeRow& row = nodes.rows[placed.decision.node];
  const std::size_t first = first_container(placed.pod);
  std::vector<Taken> taken;
  for (const ContainerSlice& slice : placed.decision.layout.slices) {
    const std::size_t card = row.first_card + slice.card;
    taken.push_back({.container = slice.container - first,
                     .uuid = nodes.cards[card].uuid,
                     .backend = nodes.kinds[nodes.kind[card]].vendor,
                     .type = nodes.kinds[nodes.kind[card]].type,
                     .amounts = slice.amounts});
  }
  return taken;
}

const std::string& node_name(const PlacedPod& placed) {
  return placed.index.nodes().entries[placed.decision.node].name;
}

/// The demand that a slice answers: of its container and backend.
const vendors::Demand* demand_of(const PlacedPod& placed, const Taken& taken) {
  for (const vendors::Demand& demand : placed.asked.demands[taken.container])
    if (placed.catalogue.backend(demand.backend).word == taken.backend) return &demand;
  return nullptr;
}

/// How the device of a slice is cut; null where it is not.
const placement::PartitionChoice* cut_of(const PlacedPod& placed, const Taken& taken) {
  if (taken.amounts[placement::kPlaces] == 0) return nullptr;
  const auto& container =
      placed.asked.request.containers[taken.container + first_container(placed.pod)];
  for (const placement::DeviceDemand& demand : container.devices)
    for (const placement::PartitionChoice& cut : demand.partitions)
      if (demand.vendor == taken.backend && cut.type == taken.type) return &cut;
  return nullptr;
}

/// How many of the even parts of its device a slice has, where memory is counted in percent.
std::int64_t even_parts(const PlacedPod& placed, const Taken& taken) {
  constexpr std::int64_t kWhole = 100;
  const AnnouncedDevice* const device = placed.announced.find(node_name(placed), taken.uuid);
  const std::int64_t parts = device == nullptr ? 1 : device->slots;
  return (taken.amounts[placement::kMemory] * parts + kWhole - 1) / kWhole;
}

vendors::DeviceSlice slice_of(const PlacedPod& placed, const Taken& taken) {
  vendors::DeviceSlice slice{.uuid = taken.uuid,
                             .memory = MiB(taken.amounts[placement::kMemory]),
                             .compute = taken.amounts[placement::kCompute]};
  if (const AnnouncedDevice* const device = placed.announced.find(node_name(placed), taken.uuid)) {
    slice.index = device->index;
    slice.type = device->type;
    slice.mode = device->mode;
    slice.minor = device->minor;
    if (const auto* const cut = cut_of(placed, taken)) {
      slice.compute = cut->compute_percent;
      slice.template_name = cut->profile;
      slice.slices = cut->slices;
      const auto id = device->profile_ids.find(cut->profile);
      if (id != device->profile_ids.end()) slice.profile_id = id->second;
    }
  }
  if (const vendors::Demand* const demand = demand_of(placed, taken)) {
    const vendors::Backend& backend = placed.catalogue.backend(demand->backend);
    if (backend.memory.rounding == vendors::Rounding::kSlots)
      slice.slices = even_parts(placed, taken);
    if (!demand->template_name.empty()) slice.template_name = demand->template_name;
    slice.by_compute = demand->by_compute;
  }
  return slice;
}

/// Chooses cores for the slices of a pod, one after the other. Initial containers may have cores
/// that others have later; sidecars keep theirs.
class CoreChooser {
 public:
  explicit CoreChooser(const PlacedPod& placed) : placed_(placed) {}

  /// The cores of a slice, as bits.
  std::int64_t choose(const Taken& taken) {
    const AnnouncedDevice* const device = placed_.announced.find(node_name(placed_), taken.uuid);
    const ContainerRole role = placed_.pod.containers[taken.container].role;
    Mine& mine = mine_[taken.uuid];
    std::int64_t others = placed_.cores.on(node_name(placed_), taken.uuid) | mine.sidecars;
    if (role == ContainerRole::kApp) others |= mine.apps;
    const std::int64_t cores = free_cores(device == nullptr ? 0 : device->compute, others,
                                          taken.amounts[placement::kCompute]);
    if (role == ContainerRole::kApp) mine.apps |= cores;
    if (role == ContainerRole::kSidecar) mine.sidecars |= cores;
    return cores;
  }

 private:
  struct Mine {
    std::int64_t sidecars = 0;
    std::int64_t apps = 0;
  };
  const PlacedPod& placed_;
  std::map<std::string, Mine> mine_ = {};
};

bool has_cores(const vendors::Backend& backend) {
  return backend.compute.unit == vendors::ComputeUnit::kCoreMask;
}

/// The decision of each backend that gives something, by its id.
std::map<vendors::BackendId, vendors::Decision> decisions_of(const PlacedPod& placed) {
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  vendors::Decision empty{.node = node_name(placed), .unix_ns = placed.unix_seconds * kNanoseconds};
  for (const Container& container : placed.pod.containers)
    empty.containers.push_back({.container = container.name, .devices = {}});
  std::map<vendors::BackendId, vendors::Decision> decisions;
  CoreChooser cores(placed);
  for (const Taken& taken : taken_by(placed)) {
    const auto backend = placed.catalogue.find(taken.backend);
    if (!backend) continue;
    vendors::Decision& decision = decisions.try_emplace(*backend, empty).first->second;
    vendors::DeviceSlice slice = slice_of(placed, taken);
    if (has_cores(placed.catalogue.backend(*backend))) slice.compute = cores.choose(taken);
    decision.containers[taken.container].devices.push_back(std::move(slice));
  }
  return decisions;
}

/// The backend as this node has it: its devices may have more cores than others.
vendors::Backend backend_on_node(const PlacedPod& placed, vendors::BackendId id) {
  vendors::Backend backend = placed.catalogue.backend(id);
  if (!has_cores(backend)) return backend;
  for (const Taken& taken : taken_by(placed))
    if (const AnnouncedDevice* const device = placed.announced.find(node_name(placed), taken.uuid);
        device != nullptr && taken.backend == backend.word)
      backend.compute.units_per_device = device->compute;
  return backend;
}

/// The places of slices of devices that are cut, by container and device.
std::vector<annotations::PartitionAllocation> places_of_pod(const PlacedPod& placed) {
  std::vector<annotations::PartitionAllocation> allocations;
  std::map<std::size_t, std::int64_t> devices;  // of each container, so far
  for (const Taken& taken : taken_by(placed)) {
    const std::int64_t device = devices[taken.container]++;
    const auto* const cut = cut_of(placed, taken);
    if (cut == nullptr) continue;
    const auto places = static_cast<std::uint32_t>(taken.amounts[placement::kPlaces]);
    allocations.push_back({.container = static_cast<std::int64_t>(taken.container),
                           .device = device,
                           .gpu_uuid = taken.uuid,
                           .profile = cut->profile,
                           .start = std::countr_zero(places),
                           .size = std::popcount(places)});
  }
  return allocations;
}

/// Where the pod goes and since when, as device plugins look for it: they give devices to the pod
/// that is being bound to their node.
void add_decision(const PlacedPod& placed, TextMap& annotations) {
  const std::string now = std::to_string(placed.unix_seconds);
  annotations["hami.io/vgpu-node"] = node_name(placed);
  annotations["hami.io/vgpu-time"] = now;
  annotations["hami.io/bind-phase"] = "allocating";
  annotations["hami.io/bind-time"] = now;
}

}  // namespace

std::vector<PlacedContainer> placed_containers(const PlacedPod& placed) {
  std::vector<PlacedContainer> containers;
  for (const Container& container : placed.pod.containers)
    containers.push_back({.name = container.name});
  for (const Taken& taken : taken_by(placed)) {
    const vendors::DeviceSlice slice = slice_of(placed, taken);
    containers[taken.container].devices.push_back({.uuid = slice.uuid,
                                                   .backend = taken.backend,
                                                   .type = slice.type,
                                                   .memory_mib = slice.memory.count(),
                                                   .compute = slice.compute});
  }
  std::erase_if(containers, [](const PlacedContainer& one) { return one.devices.empty(); });
  return containers;
}

Result<> add_environment(const PlacedPod& placed, std::vector<PlacedContainer>& containers) {
  for (const auto& [id, decision] : decisions_of(placed)) {
    const vendors::Backend& backend = placed.catalogue.backend(id);
    const vendors::NodeSettings* const settings = backend.settings_of(decision.node);
    for (std::size_t i = 0; i < decision.containers.size(); ++i) {
      const vendors::ContainerSlices& slices = decision.containers[i];
      if (slices.devices.empty()) continue;
      const auto container =
          std::ranges::find(containers, slices.container, &PlacedContainer::name);
      if (container == containers.end()) continue;
      MELON_TRY(const TextMap own, vendors::environment_of(backend, slices));
      container->environment.insert(own.begin(), own.end());
      if (settings != nullptr && slices.devices.front().mode != kPartitionMode)
        container->environment.insert(settings->environment.begin(), settings->environment.end());
      const TextMap& added = placed.asked.admitted.containers[i].environment;
      container->environment.insert(added.begin(), added.end());
    }
  }
  return {};
}

vendors::QuotaAmounts placed_amounts(const PlacedPod& placed) {
  std::vector<HeldByContainer> containers;
  for (const Container& container : placed.pod.containers)
    containers.push_back({.role = container.role});
  for (const Taken& taken : taken_by(placed)) {
    const auto backend = placed.catalogue.find(taken.backend);
    if (!backend) continue;
    vendors::QuotaAmount& sum = containers[taken.container].amounts[*backend];
    sum.memory += MiB(taken.amounts[placement::kMemory]);
    sum.compute += slice_of(placed, taken).compute;
  }
  return peak_amounts_of(containers, false, placed.compat);
}

std::vector<std::pair<std::string, std::int64_t>> taken_cores(const PlacedPod& placed) {
  std::vector<std::pair<std::string, std::int64_t>> all;
  CoreChooser cores(placed);
  for (const Taken& taken : taken_by(placed)) {
    const auto backend = placed.catalogue.find(taken.backend);
    if (backend && has_cores(placed.catalogue.backend(*backend)))
      all.emplace_back(taken.uuid, cores.choose(taken));
  }
  return all;
}

Result<TextMap> decision_annotations(const PlacedPod& placed) {
  TextMap all;
  for (const auto& [key, value] : placed.asked.admitted.annotations)
    if (!placed.pod.metadata.annotations.contains(key)) all[key] = value;
  const auto decisions = decisions_of(placed);
  if (!decisions.empty()) add_decision(placed, all);
  for (const auto& [id, decision] : decisions) {
    MELON_TRY(const TextMap written,
              annotations::annotations_of(backend_on_node(placed, id), decision));
    all.insert(written.begin(), written.end());
  }
  const auto places = places_of_pod(placed);
  const bool are_told = std::ranges::any_of(places, [&placed](const auto& one) {
    const AnnouncedDevice* const device = placed.announced.find(node_name(placed), one.gpu_uuid);
    return device != nullptr && device->mode == kPartitionMode;
  });
  if (are_told)
    all[std::string(annotations::kPartitionAllocations)] =
        annotations::encode_partition_allocations(places);
  return all;
}

}  // namespace melon::kube::detail

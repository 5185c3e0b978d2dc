// SPDX-License-Identifier: Apache-2.0
// Translates the objects of a cluster into what the engine has to know.
#include "kube/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "kube/detail/announcement.h"
#include "kube/detail/backend_amounts.h"
#include "kube/detail/last_of_each.h"
#include "kube/detail/liveness.h"
#include "kube/detail/partitions.h"
#include "kube/detail/peak.h"
#include "kube/host_amounts.h"
#include "kube/pod_to_request.h"
#include "placement/shape.h"

namespace melon::kube {
namespace {

using detail::FoundDevice;
using detail::ToldSlice;
using placement::BookedSlice;

/// Of what a node says nothing about at all: files that people write leave out what does not matter
/// to them. Small enough that a million of them can be added.
constexpr std::int64_t kNotTold = std::int64_t{1} << 40;

constexpr std::string_view kUnschedulable = "node.kubernetes.io/unschedulable";
constexpr std::string_view kNotReady = "node.kubernetes.io/not-ready";
/// A pod that a scheduler decided on and that is not bound yet.
constexpr std::array<const char*, 2> kDecidedNode = {"hami.io/vgpu-node", "4pd.io/vgpu-node"};

std::string described(std::string_view kind, const Metadata& metadata) {
  return fmt::format("{}: {} {}", metadata.origin, kind, full_name(metadata));
}

void add_taint(std::vector<placement::Taint>& taints, std::string_view key) {
  const auto is_there = [key](const placement::Taint& taint) { return taint.key == key; };
  if (std::ranges::any_of(taints, is_there)) return;
  taints.push_back({.key = std::string(key), .value = {}, .effect = "NoSchedule"});
}

/// Whether it says that nobody is to come, whatever some pods tolerate.
bool closes(const placement::Taint& taint) {
  return (taint.key == kUnschedulable || taint.key == kNotReady) &&
         taint.effect != "PreferNoSchedule";
}

/// Builds the cluster, object by object.
class Translator {
 public:
  Translator(const vendors::Catalogue& catalogue, vendors::Compatibility compat,
             detail::Priorities priorities, detail::Budgets budgets, std::int64_t unix_seconds)
      : catalogue_(catalogue),
        compat_(compat),
        unix_seconds_(unix_seconds),
        cluster_{.priorities = std::move(priorities), .budgets = std::move(budgets)} {}

  void add(const Node& node) {
    const auto is_device = [this](std::string_view name) { return is_device_resource(name); };
    ResourceList list = node.capacity;
    for (const auto& [name, amount] : node.allocatable) list[name] = amount;
    auto resources = host_resources(list, Round::kDown, is_device);
    if (!resources) return set_aside("Node", node.metadata, resources.error());
    placement::NodeSpec spec{.name = node.metadata.name,
                             .capacity = resources->amounts,
                             .extended = std::move(resources->extended),
                             .labels = node.metadata.labels};
    if (!list.contains("cpu")) spec.capacity.cpu_milli = kNotTold;
    if (!list.contains("memory")) spec.capacity.memory_mib = kNotTold;
    if (!list.contains("pods")) spec.capacity.pods = kNotTold;
    if (!list.contains("ephemeral-storage")) spec.capacity.ephemeral_mib = kNotTold;
    spec.labels[std::string(kNodeNameLabel)] = node.metadata.name;
    for (const NodeTaint& taint : node.taints)
      spec.taints.push_back({.key = taint.key, .value = taint.value, .effect = taint.effect});
    if (node.unschedulable) add_taint(spec.taints, kUnschedulable);
    if (!node.ready) add_taint(spec.taints, kNotReady);
    if (std::ranges::any_of(spec.taints, closes)) cluster_.closed_nodes.insert(spec.name);
    add_devices(node, spec);
    cluster_.nodes.push_back(std::move(spec));
  }

  void add(const Pod& pod) {
    if (pod.is_over()) return;
    const std::string node = node_of(pod);
    if (node.empty()) {
      cluster_.unscheduled.push_back(pod);
      return;
    }
    if (!pod.gang.empty()) ++cluster_.gangs[gang_name(pod)].running;
    const auto is_device = [this](std::string_view name) { return is_device_resource(name); };
    const auto request = host_request(pod, is_device);
    if (!request) return set_aside("Pod", pod.metadata, request.error());
    const placement::Shape shape(*request, 0);
    cluster_.grants.push_back({.id = full_name(pod.metadata),
                               .node = node,
                               .priority = cluster_.priorities.of_running(pod),
                               .group = cluster_.budgets.group_of(pod),
                               .host = shape.host(),
                               .extended = shape.extended(),
                               .host_ports = request->host_ports,
                               .slices = slices_of(pod, node)});
  }

  void add(const PodGroup& group) {
    cluster_.gangs[full_name(group.metadata)].least = group.least_members;
  }

  void add(const ResourceQuota& quota) {
    const auto read = vendors::read_quota(quota.hard, catalogue_, compat_,
                                          cluster_.quotas[quota.metadata.namespace_name]);
    if (!read) set_aside("ResourceQuota", quota.metadata, read.error());
  }

  Cluster take() { return std::move(cluster_); }

 private:
  bool is_device_resource(std::string_view name) const {
    return catalogue_.meaning(name).has_value();
  }

  void set_aside(std::string_view kind, const Metadata& metadata, const Error& error) {
    cluster_.set_aside.push_back({described(kind, metadata), error.message, error.remedy});
  }

  void add_devices(const Node& node, placement::NodeSpec& spec) {
    for (std::size_t i = 0; i < catalogue_.backends().size(); ++i) {
      const auto id = static_cast<vendors::BackendId>(i);
      auto found = detail::announced_devices(catalogue_, id, node, compat_);
      if (!found) {
        set_aside("Node", node.metadata, found.error());
        continue;
      }
      if (found->empty()) continue;
      if (const auto why = detail::gone(catalogue_.backend(id), node, unix_seconds_)) {
        set_aside("Node", node.metadata, *why);
        continue;
      }
      for (FoundDevice& device : *found) add_device(std::move(device), spec, node.metadata);
      add_links(catalogue_.backend(id), node, spec);
      add_scores(catalogue_.backend(id), node, spec);
    }
  }

  void add_links(const vendors::Backend& backend, const Node& node, placement::NodeSpec& spec) {
    auto links = detail::announced_links(backend, node);
    if (!links) return set_aside("Node", node.metadata, links.error());
    cluster_.announced.has_links = cluster_.announced.has_links || !links->empty();
    spec.links.insert(spec.links.end(), links->begin(), links->end());
  }

  void add_scores(const vendors::Backend& backend, const Node& node, placement::NodeSpec& spec) {
    auto tables = detail::announced_scores(backend, node);
    if (!tables) return set_aside("Node", node.metadata, tables.error());
    if (*tables != placement::ScoreTables{}) spec.score_tables[backend.word] = *std::move(tables);
  }

  std::map<std::string, vendors::PartitionTable>& tables_of(const FoundDevice& device) {
    return cluster_.announced.tables[device.announced.backend];
  }

  /// Devices that are cut in different ways are of different types, whatever their drivers say.
  void add_table(FoundDevice& device) {
    auto& tables = tables_of(device);
    std::string type = device.spec.type;
    for (int other = 2; !tables.try_emplace(type, *device.table).second; ++other) {
      if (tables[type] == *device.table) break;
      type = fmt::format("{} ({})", device.spec.type, other);
    }
    device.spec.type = type;
  }

  void add_device(FoundDevice device, placement::NodeSpec& spec, const Metadata& metadata) {
    auto& known = cluster_.announced.of_node[spec.name];
    const std::string uuid = device.spec.uuid;
    if (known.contains(uuid)) {
      set_aside("Node", metadata,
                {Code::kInvalidArgument, fmt::format("device '{}' is announced twice", uuid),
                 "let one of the announcements go; the first counts"});
      return;
    }
    if (device.table) add_table(device);
    auto& types = cluster_.announced.types[device.announced.backend];
    AnnouncedDevice& type = types.try_emplace(device.spec.type, device.announced).first->second;
    type.compute = std::max(type.compute, device.announced.compute);
    if (device.table)
      cut_devices_[{spec.name, uuid}] = {&tables_of(device)[device.spec.type],
                                         device.spec.capacity[placement::kPlaces]};
    known.emplace(uuid, std::move(device.announced));
    spec.devices.push_back(std::move(device.spec));
  }

  static std::string node_of(const Pod& pod) {
    if (!pod.node_name.empty()) return pod.node_name;
    for (const char* const key : kDecidedNode)
      if (const auto found = pod.metadata.annotations.find(key);
          found != pod.metadata.annotations.end())
        return found->second;
    return {};
  }

  std::vector<BookedSlice> slices_of(const Pod& pod, const std::string& node) {
    std::vector<detail::HeldByContainer> held;
    for (const Container& container : pod.containers) held.push_back({.role = container.role});
    for (std::size_t id = 0; id < catalogue_.backends().size(); ++id)
      hold_told(static_cast<vendors::BackendId>(id), pod, node, held);
    vendors::QuotaAmounts amounts = detail::peak_amounts_of(held, pod.init_is_done, compat_);
    vendors::add(cluster_.held[pod.metadata.namespace_name], amounts);
    std::vector<BookedSlice> slices = detail::peak_of(held, pod.init_is_done, compat_);
    if (!slices.empty()) cluster_.holding.push_back({pod, std::move(amounts)});
    return slices;
  }

  /// What the pod's annotation of one backend says, as far as the devices are that backend's.
  void hold_told(vendors::BackendId id, const Pod& pod, const std::string& node,
                 std::vector<detail::HeldByContainer>& held) {
    const vendors::Backend& backend = catalogue_.backend(id);
    const bool is_first = first_with(backend.keys.allocated) == id;
    const auto told = detail::told_slices(backend, pod);
    if (!told) {
      if (is_first) set_aside("Pod", pod.metadata, told.error());
      return;
    }
    if (told->unread_places && is_first) set_aside("Pod", pod.metadata, *told->unread_places);
    const auto& containers = told->containers;
    if (containers.size() > held.size()) held.resize(containers.size());
    for (std::size_t i = 0; i < containers.size(); ++i)
      for (const ToldSlice& slice : containers[i])
        if (owner_of(node, slice.uuid, id) == id) hold(id, pod, node, slice, held[i]);
  }

  /// The first backend that reads this annotation of pods.
  std::size_t first_with(const std::string& key) const {
    const auto& backends = catalogue_.backends();
    const auto reads = [&key](const vendors::Backend& one) { return one.keys.allocated == key; };
    return static_cast<std::size_t>(std::ranges::find_if(backends, reads) - backends.begin());
  }

  /// Backends may have one annotation together: which of them a device in it is of. It is the one
  /// that the node announces, and of an unknown device the first.
  std::size_t owner_of(const std::string& node, const std::string& uuid, std::size_t reader) const {
    const std::string& key = catalogue_.backends()[reader].keys.allocated;
    const AnnouncedDevice* const device = cluster_.announced.find(node, uuid);
    if (device == nullptr) return first_with(key);
    const auto owner = static_cast<std::size_t>(device->backend);
    return catalogue_.backends()[owner].keys.allocated == key ? owner : reader;
  }

  void hold(vendors::BackendId id, const Pod& pod, const std::string& node, const ToldSlice& slice,
            detail::HeldByContainer& held) {
    held.amounts[id].memory += MiB(slice.memory_mib);
    held.amounts[id].compute += slice.compute;
    const bool is_over = pod.init_is_done && held.role == ContainerRole::kInit;
    if (slice.cores != 0 && !is_over) cluster_.cores.hold(node, slice.uuid, slice.cores);
    if (auto booked = booked_slice(catalogue_.backend(id), pod, node, slice))
      held.slices.push_back(std::move(*booked));
  }

  std::optional<BookedSlice> booked_slice(const vendors::Backend& backend, const Pod& pod,
                                          const std::string& node, const ToldSlice& slice) {
    const AnnouncedDevice* const device = cluster_.announced.find(node, slice.uuid);
    if (device == nullptr) {
      set_aside(
          "Pod", pod.metadata,
          {Code::kNotFound,
           fmt::format("holds device '{}', which node '{}' does not announce", slice.uuid, node),
           "its other resources count; check whether the device is gone"});
      return std::nullopt;
    }
    detail::NamedAmounts amounts{.memory_mib = slice.memory_mib, .compute = slice.compute};
    for (const vendors::Template& one : backend.memory.templates)
      if (one.memory.count() == slice.memory_mib) amounts.costs = one.cost;
    auto booked = detail::engine_amounts(backend, amounts);
    if (!booked) {
      set_aside("Pod", pod.metadata, booked.error());
      return std::nullopt;
    }
    if (detail::has_classes(backend)) count_classes(backend, pod, *booked);
    cut(backend, pod, node, slice, *booked);
    return BookedSlice{.uuid = slice.uuid, .amounts = *booked};
  }

  void count_classes(const vendors::Backend& backend, const Pod& pod, placement::Amounts& booked) {
    vendors::Demand classes;
    const auto read =
        vendors::read_annotations(backend, pod.metadata.annotations, compat_, classes);
    if (read) booked = detail::with_classes(booked, classes.qos, classes.app_class);
  }

  /// Counts the places of a slice of a device that is cut. Where they are not told, or told twice,
  /// the device is not cut any further; of vendors who tell none, one place is as good as another.
  void cut(const vendors::Backend& backend, const Pod& pod, const std::string& node,
           const ToldSlice& slice, placement::Amounts& booked) {
    const auto found = cut_devices_.find({node, slice.uuid});
    if (found == cut_devices_.end()) return;
    CutDevice& device = found->second;
    const auto* const profile =
        detail::find_profile(*device.table, slice.profile, slice.memory_mib);
    if (profile != nullptr)
      booked[placement::kCompute] = static_cast<std::int32_t>(profile->compute_units);
    std::int32_t places = slice.places;
    if (profile != nullptr && backend.memory.rounding == vendors::Rounding::kProfile)
      places = detail::free_places(*profile, device.free);
    const bool is_told = places != 0 && (places & ~device.free) == 0;
    if (!is_told)
      set_aside("Pod", pod.metadata,
                {Code::kFailedPrecondition,
                 fmt::format("its place on device '{}', which is cut in hardware, is not known, or "
                             "another pod's",
                             slice.uuid),
                 "the device is not cut any further; hami.io/vgpu-mig-allocations tells places"});
    booked[placement::kPlaces] = is_told ? places : device.free;
    device.free &= ~booked[placement::kPlaces];
  }

  /// A device that is cut, and the places of it that no pod has been found to hold.
  struct CutDevice {
    const vendors::PartitionTable* table = nullptr;
    std::int32_t free = 0;
  };

  const vendors::Catalogue& catalogue_;
  vendors::Compatibility compat_;
  std::int64_t unix_seconds_;
  Cluster cluster_;
  std::map<std::pair<std::string, std::string>, CutDevice> cut_devices_ = {};  // by node and uuid
};

}  // namespace

const AnnouncedDevice* Announced::find(const std::string& node, const std::string& uuid) const {
  const auto devices = of_node.find(node);
  if (devices == of_node.end()) return nullptr;
  const auto device = devices->second.find(uuid);
  return device == devices->second.end() ? nullptr : &device->second;
}

const vendors::PartitionTable* Announced::find_table(vendors::BackendId backend,
                                                     const std::string& type) const {
  const auto of_backend = tables.find(backend);
  if (of_backend == tables.end()) return nullptr;
  const auto found = of_backend->second.find(type);
  return found == of_backend->second.end() ? nullptr : &found->second;
}

std::string gang_name(const Pod& pod) {
  return pod.gang.empty() ? "" : fmt::format("{}/{}", pod.metadata.namespace_name, pod.gang);
}

Cluster to_cluster(const Objects& objects, const vendors::Catalogue& catalogue,
                   vendors::Compatibility compat, std::int64_t unix_seconds) {
  Translator translator(catalogue, compat, detail::Priorities(objects), detail::Budgets(objects),
                        unix_seconds);
  for (const std::size_t i : detail::last_of_each(objects.nodes)) translator.add(objects.nodes[i]);
  for (const std::size_t i : detail::last_of_each(objects.pods)) translator.add(objects.pods[i]);
  for (const std::size_t i : detail::last_of_each(objects.groups))
    translator.add(objects.groups[i]);
  for (const std::size_t i : detail::last_of_each(objects.quotas))
    translator.add(objects.quotas[i]);
  return translator.take();
}

}  // namespace melon::kube

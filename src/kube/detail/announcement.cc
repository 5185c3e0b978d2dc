// SPDX-License-Identifier: Apache-2.0
// What nodes announce about their devices, and pods about what they hold.
#include "kube/detail/announcement.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "annotations/capacity_devices.h"
#include "annotations/partition_allocations.h"
#include "annotations/pod_devices.h"
#include "annotations/registration.h"
#include "kube/detail/backend_amounts.h"
#include "kube/detail/partitions.h"

namespace melon::kube::detail {
namespace {

using annotations::RegisteredDevice;
using vendors::Backend;

constexpr std::string_view kOrdinaryMode = "hami-core";
constexpr std::int64_t kWholePercent = 100;
constexpr std::int64_t kMostIndex = 1'000'000;

const std::string* find_text(const TextMap& texts, const std::string& key) {
  const auto found = texts.find(key);
  return key.empty() || found == texts.end() ? nullptr : &found->second;
}

/// What a node has, as its kubelet last said.
ResourceList capacity_of(const Node& node) {
  ResourceList capacity = node.allocatable;
  capacity.insert(node.capacity.begin(),
                  node.capacity.end());  // keeps what is there
  return capacity;
}

/// Devices that tell no id but a number are named by the registration's pattern.
std::vector<RegisteredDevice> named_by(const vendors::Registration& rule, const std::string& node,
                                       std::vector<RegisteredDevice> devices) {
  if (rule.id.empty()) return devices;
  for (RegisteredDevice& device : devices)
    device.id = annotations::device_id(rule.id, node, device.index);
  return devices;
}

/// By the first registration that the node has.
Result<std::vector<RegisteredDevice>> registered_on(const Backend& backend, const Node& node,
                                                    vendors::Compatibility compat) {
  for (const vendors::Registration& rule : backend.registrations) {
    if (rule.format == vendors::RegistrationFormat::kCapacity) {
      MELON_TRY(auto derived, annotations::derive_devices(backend, rule, node.metadata.name,
                                                          capacity_of(node), compat));
      if (!derived.empty()) return derived;
      continue;
    }
    const std::string* const text = find_text(node.metadata.annotations, rule.annotation);
    if (text == nullptr) continue;
    auto devices = annotations::decode_registration(rule.format, *text);
    if (devices) return named_by(rule, node.metadata.name, std::move(*devices));
    return fail(devices.error().code,
                fmt::format("annotation {}: {}", rule.annotation, devices.error().message),
                devices.error().remedy);
  }
  return std::vector<RegisteredDevice>{};
}

/// The group of linked devices that a device is in: the number of its picker's
/// attribute.
std::optional<int> group_of(const Backend& backend, const RegisteredDevice& device) {
  const auto found = device.attributes.find(backend.picker.attribute);
  if (found == device.attributes.end()) return std::nullopt;
  std::int16_t group = 0;
  const char* const end = found->second.data() + found->second.size();
  const auto [rest, error] = std::from_chars(found->second.data(), end, group);
  if (error != std::errc{} || rest != end || group < 0) return std::nullopt;
  return group;
}

std::optional<int> numa_of(const RegisteredDevice& device) {
  if (device.numa < 0 || device.numa > std::numeric_limits<std::int16_t>::max())
    return std::nullopt;
  return static_cast<int>(device.numa);
}

/// Devices that an administrator keeps from new pods: a list with commas.
std::set<std::string, std::less<>> cordoned_on(const Node& node) {
  std::set<std::string, std::less<>> cordoned;
  const std::string* const text = find_text(node.metadata.annotations, "hami.io/device-cordon");
  if (text == nullptr) return cordoned;
  std::string uuid;
  for (const char letter : *text + ",") {
    if (letter == ',') cordoned.insert(std::exchange(uuid, {}));
    if (letter != ',' && letter != ' ') uuid += letter;
  }
  return cordoned;
}

/// Leaves out devices that an administrator hides, and says modes that are not told.
void apply(const vendors::NodeSettings& settings, std::vector<RegisteredDevice>& devices) {
  const auto has = [](const auto& list, const auto& one) {
    return std::ranges::find(list, one) != list.end();
  };
  std::erase_if(devices, [&](const RegisteredDevice& device) {
    return has(settings.hidden_uuids, device.id) || has(settings.hidden_indices, device.index);
  });
  for (RegisteredDevice& device : devices)
    if (device.mode.empty()) device.mode = settings.mode;
}

/// Whether a node slices by software: what it says itself, else what holds for all nodes.
bool is_soft(const Backend& backend, const Node& node) {
  if (backend.soft_mode.annotation.empty()) return false;
  const std::string* const flag =
      find_text(node.metadata.annotations, backend.soft_mode.node_annotation);
  if (flag != nullptr) return *flag == "true";
  const auto* const settings = backend.settings_of(node.metadata.name);
  return settings != nullptr && settings->mode == kSoftMode;
}

bool is_mask(const Backend& backend) {
  return backend.compute.unit == vendors::ComputeUnit::kCoreMask;
}

/// A mask of cores counts as many as it has.
std::int64_t compute_of(const Backend& backend, std::int64_t compute) {
  if (!is_mask(backend)) return compute;
  return std::popcount(static_cast<std::uint64_t>(compute));
}

/// The vendor's number of each profile that the node knows.
std::map<std::string, std::string> profile_ids(const RegisteredDevice& device) {
  constexpr std::string_view kPrefix = "profile.";
  std::map<std::string, std::string> ids;
  for (const auto& [name, id] : device.attributes)
    if (name.starts_with(kPrefix)) ids[name.substr(kPrefix.size())] = id;
  return ids;
}

Result<FoundDevice> to_device(const Backend& backend, vendors::BackendId id,
                              const RegisteredDevice& device) {
  const std::int64_t compute = compute_of(backend, device.compute);
  const vendors::PartitionTable* const table = table_of(backend, device);
  MELON_TRY(placement::Amounts capacity,
            engine_amounts(backend, {.slots = device.slots,
                                     .memory_mib = device.memory.count(),
                                     .compute = table == nullptr ? compute : whole_compute(*table),
                                     .costs = backend.dimensions}));
  if (has_classes(backend)) capacity = with_class_capacity(capacity);
  if (table != nullptr) capacity[placement::kPlaces] = all_places(*table);
  return FoundDevice{
      .spec = {.uuid = device.id,
               .vendor = backend.word,
               .type = engine_type(device.type, device.mode),
               .index = static_cast<int>(std::clamp<std::int64_t>(device.index, 0, kMostIndex)),
               .capacity = capacity,
               .healthy = device.healthy,
               .numa = numa_of(device),
               .link_group = group_of(backend, device)},
      .announced = {.backend = id,
                    .index = device.index,
                    .type = device.type,
                    .mode = device.mode,
                    .minor = device.minor,
                    .compute = compute,
                    .slots = device.slots,
                    .profile_ids = profile_ids(device)},
      .table = table == nullptr ? std::nullopt : std::optional(*table)};
}

}  // namespace

Result<std::vector<FoundDevice>> announced_devices(const vendors::Catalogue& catalogue,
                                                   vendors::BackendId id, const Node& node,
                                                   vendors::Compatibility compat) {
  const Backend& backend = catalogue.backend(id);
  MELON_TRY(auto registered, registered_on(backend, node, compat));
  const auto* const settings = backend.settings_of(node.metadata.name);
  if (settings != nullptr && backend.soft_mode.annotation.empty()) apply(*settings, registered);
  const auto cordoned = cordoned_on(node);
  const bool soft = is_soft(backend, node);
  std::vector<FoundDevice> devices;
  for (RegisteredDevice& device : registered) {
    if (soft) device.mode = kSoftMode;
    if (soft) device.compute = kWholePercent;
    MELON_TRY(FoundDevice found, to_device(backend, id, device));
    found.spec.cordoned = cordoned.contains(found.spec.uuid);
    devices.push_back(std::move(found));
  }
  return devices;
}

Result<std::vector<placement::DeviceLink>> announced_links(const Backend& backend,
                                                           const Node& node) {
  std::vector<placement::DeviceLink> links;
  const std::string* const text =
      find_text(node.metadata.annotations, backend.picker.scores_annotation);
  if (text == nullptr) return links;
  const auto scores = annotations::decode_link_scores(*text);
  if (!scores)
    return fail(
        scores.error().code,
        fmt::format("annotation {}: {}", backend.picker.scores_annotation, scores.error().message),
        scores.error().remedy);
  for (const auto& [pair, score] : *scores)
    links.push_back({pair.first, pair.second,
                     static_cast<std::int32_t>(std::clamp<std::int64_t>(
                         score, 0, std::numeric_limits<std::int32_t>::max()))});
  return links;
}

namespace {

/// {"2": 300, "4": 30}: by how many. Empty where the node does not have the annotation.
Result<std::map<std::int64_t, double>> score_table(const Node& node, const std::string& name) {
  std::map<std::int64_t, double> table;
  const std::string* const text =
      name.empty() ? nullptr : find_text(node.metadata.annotations, name);
  if (text == nullptr) return table;
  const auto wrong = [&] {
    return fail(Code::kInvalidArgument,
                fmt::format("annotation {}: '{}' is no object of numbers by a number of devices",
                            name, *text),
                "write it as in {\"2\": 300, \"4\": 30}");
  };
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object()) return wrong();
  for (const auto& [key, value] : json.items()) {
    std::int64_t count = 0;
    const auto [rest, error] = std::from_chars(key.data(), key.data() + key.size(), count);
    if (error != std::errc{} || rest != key.data() + key.size() || !value.is_number())
      return wrong();
    table[count] = value.get<double>();
  }
  return table;
}

}  // namespace

Result<placement::ScoreTables> announced_scores(const Backend& backend, const Node& node) {
  placement::ScoreTables tables;
  MELON_TRY(tables.binpack, score_table(node, backend.node_score.binpack_annotation));
  MELON_TRY(tables.spread, score_table(node, backend.node_score.spread_annotation));
  return tables;
}

namespace {

/// Where the slices of devices that are cut have their places, as the pod's annotation tells.
Result<> tell_places(const Pod& pod, std::vector<std::vector<ToldSlice>>& containers) {
  const std::string* const text =
      find_text(pod.metadata.annotations, std::string(annotations::kPartitionAllocations));
  if (text == nullptr) return {};
  MELON_TRY(const auto allocations, annotations::decode_partition_allocations(*text));
  for (const annotations::PartitionAllocation& one : allocations) {
    if (one.container < 0 || one.container >= std::ssize(containers)) continue;
    auto& slices = containers[static_cast<std::size_t>(one.container)];
    if (one.device < 0 || one.device >= std::ssize(slices)) continue;
    ToldSlice& slice = slices[static_cast<std::size_t>(one.device)];
    if (slice.uuid != one.gpu_uuid) continue;
    slice.profile = one.profile;
    slice.places = places_of(one.start, one.size);
  }
  return {};
}

}  // namespace

Result<ToldPod> told_slices(const Backend& backend, const Pod& pod) {
  MELON_TRY(const auto told, annotations::allocated_devices(backend, pod.metadata.annotations));
  ToldPod all;
  if (!told) return all;
  for (const auto& devices : *told) {
    std::vector<ToldSlice>& slices = all.containers.emplace_back();
    for (const annotations::PodDevice& device : devices) {
      slices.push_back({.uuid = device.uuid.substr(0, device.uuid.find('[')),
                        .memory_mib = device.memory.count(),
                        .compute = compute_of(backend, device.compute),
                        .cores = is_mask(backend) ? device.compute : 0});
      if (device.uuid.find('[') == std::string::npos) continue;
      if (const auto instance = annotations::decode_mig_instance(device.uuid); !instance)
        all.unread_places = instance.error();
    }
  }
  if (const auto places = tell_places(pod, all.containers); !places)
    all.unread_places = places.error();
  return all;
}

}  // namespace melon::kube::detail

namespace melon::kube {

std::string engine_type(std::string_view type, std::string_view mode) {
  if (mode.empty() || mode == detail::kOrdinaryMode) return std::string(type);
  return fmt::format("{} [{}]", type, mode);
}

}  // namespace melon::kube

// SPDX-License-Identifier: Apache-2.0
// Reads and writes the devices of pods.
#include "annotations/pod_devices.h"

#include <fmt/format.h>

#include <algorithm>

#include "annotations/detail/registration_json.h"
#include "vendors/template_text.h"

namespace melon::annotations {
namespace {

constexpr std::string_view kWhat = "devices of a pod";

Result<PodDevice> read_device(std::string_view text, std::size_t container) {
  const auto fields = detail::split(text, ',');
  if (fields.size() < 4)
    return detail::bad_text(kWhat, fmt::format("container {}: device '{}' has {} fields, not 4",
                                               container, text.substr(0, 80), fields.size()));
  PodDevice device{.uuid = std::string(fields[0]), .type = std::string(fields[1])};
  MELON_TRY(const std::int64_t memory, detail::read_number(kWhat, "memory", fields[2]));
  device.memory = MiB(memory);
  MELON_TRY(device.compute, detail::read_number(kWhat, "cores", fields[3]));
  return device;
}

Result<std::vector<PodDevice>> read_container(std::string_view text, std::size_t container) {
  std::vector<PodDevice> devices;
  if (text.ends_with(':')) text.remove_suffix(1);
  if (text.empty()) return devices;
  for (const std::string_view one : detail::split(text, ':')) {
    MELON_TRY(PodDevice device, read_device(one, container));
    devices.push_back(std::move(device));
  }
  return devices;
}

/// The pod has what the decision says, in the words of this backend.
PodDevices to_pod_devices(const vendors::Backend& backend, const vendors::Decision& decision) {
  const bool by_word = backend.keys.type_field == vendors::TypeField::kWord;
  PodDevices all;
  for (const vendors::ContainerSlices& container : decision.containers) {
    std::vector<PodDevice>& devices = all.emplace_back();
    for (const vendors::DeviceSlice& slice : container.devices)
      devices.push_back({.uuid = slice.uuid,
                         .type = by_word ? backend.word : slice.type,
                         .memory = slice.memory,
                         .compute = slice.compute});
  }
  return all;
}

}  // namespace

std::string encode_pod_devices(const PodDevices& devices) {
  std::string text;
  for (const auto& container : devices) {
    for (const PodDevice& device : container)
      text += fmt::format("{},{},{},{}:", device.uuid, device.type, device.memory.count(),
                          device.compute);
    text += ';';
  }
  return text;
}

Result<PodDevices> decode_pod_devices(std::string_view text, vendors::Compatibility mode) {
  if (text.size() > detail::kMostBytes) return detail::bad_text(kWhat, "larger than 1 MiB");
  auto containers = detail::split(text, ';');
  if (!is_compatible(mode) && containers.back().empty()) containers.pop_back();
  PodDevices devices;
  for (const std::string_view container : containers) {
    MELON_TRY(auto one, read_container(container, devices.size()));
    devices.push_back(std::move(one));
  }
  return devices;
}

Result<std::optional<PodDevices>> allocated_devices(
    const vendors::Backend& backend, const std::map<std::string, std::string>& annotations) {
  std::vector<std::string> keys = {backend.keys.allocated};
  keys.insert(keys.end(), backend.keys.historic.begin(), backend.keys.historic.end());
  for (const std::string& key : keys) {
    const auto found = annotations.find(key);
    if (key.empty() || found == annotations.end()) continue;
    auto devices = decode_pod_devices(found->second, vendors::Compatibility::kNone);
    if (!devices)
      return fail(devices.error().code,
                  fmt::format("annotation {}: {}", key, devices.error().message),
                  devices.error().remedy);
    return std::optional(std::move(*devices));
  }
  return std::optional<PodDevices>();
}

Result<std::map<std::string, std::string>> annotations_of(const vendors::Backend& backend,
                                                          const vendors::Decision& decision) {
  MELON_TRY(auto annotations, vendors::fixed_annotations_of(backend, decision));
  const std::string devices = encode_pod_devices(to_pod_devices(backend, decision));
  for (const std::string& key : {backend.keys.to_allocate, backend.keys.allocated})
    if (!key.empty()) annotations[key] = devices;
  return annotations;
}

Result<MigInstance> decode_mig_instance(std::string_view text) {
  const auto open = text.find('[');
  const auto dash = open == std::string_view::npos ? open : text.find('-', open);
  if (dash == std::string_view::npos || !text.ends_with(']'))
    return detail::bad_text(kWhat, fmt::format("'{}' is not UUID[GEOMETRY-PLACE]", text));
  MigInstance instance{.gpu_uuid = std::string(text.substr(0, open))};
  MELON_TRY(instance.geometry,
            detail::read_number(kWhat, "geometry", text.substr(open + 1, dash - open - 1)));
  MELON_TRY(instance.place,
            detail::read_number(kWhat, "place", text.substr(dash + 1, text.size() - dash - 2)));
  return instance;
}

}  // namespace melon::annotations

// SPDX-License-Identifier: Apache-2.0
// Expands the templates of annotations and of the environment of containers.
#include "vendors/template_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "vendors/detail/braces.h"

namespace melon::vendors {
namespace {

/// What a template sees: all containers of the decision, of which it tells `shown`.
struct Scene {
  const Backend& backend;
  const Decision& decision;
  std::span<const ContainerSlices> shown;
  std::size_t position = 0;  // of `device` in its container
  const DeviceSlice* device = nullptr;
  std::optional<std::size_t> container = {};  // position of the one that is shown
};

std::string over_devices(const Scene& scene,
                         const std::function<std::string(const DeviceSlice&)>& text) {
  std::string all;
  for (const ContainerSlices& container : scene.shown)
    for (const DeviceSlice& device : container.devices)
      if (std::string one = text(device); !one.empty()) all += (all.empty() ? "" : ",") + one;
  return all;
}

/// Numbers of the cores of a mask, counted over all devices of the node.
std::string cores_of(const Backend& backend, const DeviceSlice& device) {
  std::string cores;
  const std::int64_t per_device = backend.compute.units_per_device;
  for (std::int64_t bit = 0; bit < per_device && bit < 62; ++bit)
    if ((device.compute >> bit & 1) != 0)
      cores += fmt::format("{}{}", cores.empty() ? "" : ",", device.index * per_device + bit);
  return cores;
}

/// What drivers count devices by; their positions, where the node tells nothing else.
std::string minor_of(const DeviceSlice& device) {
  return device.minor.empty() ? std::to_string(device.index) : device.minor;
}

std::string first_container(const Scene& scene) {
  return scene.shown.empty() ? std::string() : scene.shown.front().container;
}

std::string cores_or_indices(const Scene& scene) {
  return over_devices(scene, [&](const DeviceSlice& device) {
    return device.by_compute ? cores_of(scene.backend, device) : std::to_string(device.index);
  });
}

std::string memory_limits(const Scene& scene) {
  std::string limits;
  std::size_t position = 0;
  for (const ContainerSlices& container : scene.shown)
    for (const DeviceSlice& device : container.devices)
      limits +=
          fmt::format("{}{}={}M", limits.empty() ? "" : ",", position++, device.memory.count());
  return limits;
}

std::string asked_resource(const Scene& scene) {
  const ResourceNames& names = scene.backend.resources;
  return scene.device != nullptr && scene.device->by_compute ? names.compute : names.count;
}

enum class Sort { kText, kNumber };

struct Variable {
  TemplateVariable known;
  Sort sort;
  std::string (*value)(const Scene& scene);
};

/// A variable of the device at hand; empty without one.
template <auto kText>
std::string of_device(const Scene& scene) {
  return scene.device == nullptr ? std::string() : kText(scene);
}

constexpr std::array kVariables = {
    Variable{
        {"node", "the node's name"}, Sort::kText, [](const Scene& s) { return s.decision.node; }},
    Variable{{"container", "the container's name"}, Sort::kText, first_container},
    Variable{{"container_index", "its position in the pod, initial ones first"},
             Sort::kNumber,
             [](const Scene& s) { return s.container ? std::to_string(*s.container) : ""; }},
    Variable{{"now_seconds", "when it was decided, Unix seconds"},
             Sort::kNumber,
             [](const Scene& s) { return std::to_string(s.decision.unix_ns / 1'000'000'000); }},
    Variable{{"now_nanoseconds", "the same in nanoseconds"},
             Sort::kNumber,
             [](const Scene& s) { return std::to_string(s.decision.unix_ns); }},
    Variable{{"uuid_list", "ids of all devices, with commas"},
             Sort::kText,
             [](const Scene& s) {
               return over_devices(s, [](const DeviceSlice& d) { return d.uuid; });
             }},
    Variable{{"index_list", "their positions on the node"},
             Sort::kText,
             [](const Scene& s) {
               return over_devices(s, [](const DeviceSlice& d) { return std::to_string(d.index); });
             }},
    Variable{{"minor_list", "their minor numbers; positions where the node tells none"},
             Sort::kText,
             [](const Scene& s) { return over_devices(s, minor_of); }},
    Variable{{"memory_limit_list", "their memory by position in the container: 0=3000M,1=3000M"},
             Sort::kText,
             memory_limits},
    Variable{{"core_or_index_list", "cores where compute was asked for, else positions"},
             Sort::kText,
             cores_or_indices},
    Variable{{"asked_resource", "the resource that was asked for"}, Sort::kText, asked_resource},
    Variable{{"i", "position of the device in its container"},
             Sort::kNumber,
             of_device<[](const Scene& s) { return std::to_string(s.position); }>},
    Variable{
        {"uuid", "its id"}, Sort::kText, of_device<[](const Scene& s) { return s.device->uuid; }>},
    Variable{{"index", "its position on the node"},
             Sort::kNumber,
             of_device<[](const Scene& s) { return std::to_string(s.device->index); }>},
    Variable{{"minor", "its minor number; its position where the node tells none"},
             Sort::kText,
             of_device<[](const Scene& s) { return minor_of(*s.device); }>},
    Variable{{"memory_mib", "its memory"},
             Sort::kNumber,
             of_device<[](const Scene& s) { return std::to_string(s.device->memory.count()); }>},
    Variable{{"memory_bytes", "the same in bytes"}, Sort::kNumber, of_device<[](const Scene& s) {
               return std::to_string(s.device->memory.count() * 1024 * 1024);
             }>},
    Variable{{"memory_units", "the same in units of the resource"},
             Sort::kNumber,
             of_device<[](const Scene& s) {
               return std::to_string(s.device->memory.count() / s.backend.memory.unit_mib);
             }>},
    Variable{{"compute", "its compute, in the unit of annotations"},
             Sort::kNumber,
             of_device<[](const Scene& s) { return std::to_string(s.device->compute); }>},
    Variable{{"limited_compute", "the same; empty where none was asked for"},
             Sort::kText,
             of_device<[](const Scene& s) {
               return s.device->compute == 0 ? std::string() : std::to_string(s.device->compute);
             }>},
    Variable{{"template", "name of the template or profile"},
             Sort::kText,
             of_device<[](const Scene& s) { return s.device->template_name; }>},
    Variable{{"profile_id", "the vendor's number of the profile"},
             Sort::kText,
             of_device<[](const Scene& s) { return s.device->profile_id; }>},
    Variable{{"slices", "size of the profile"},
             Sort::kNumber,
             of_device<[](const Scene& s) { return std::to_string(s.device->slices); }>},
};

const Variable* find_variable(std::string_view name) {
  for (const Variable& variable : kVariables)
    if (variable.known.name == name) return &variable;
  return nullptr;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

constexpr std::string_view kFalse = "false";

struct Pair {
  std::string_view key;
  std::string_view variable;
};

std::string known_names() {
  std::string names;
  for (const Variable& variable : kVariables)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", variable.known.name);
  return names;
}

tl::unexpected<Error> bad(std::string_view text, std::string_view rule) {
  return detail::bad_template(text, rule, known_names());
}

Result<std::vector<Pair>> pairs_of(std::string_view text, std::string_view rest) {
  std::vector<Pair> pairs;
  while (!rest.empty()) {
    const auto word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    if (word.empty()) continue;
    const auto equal = word.find('=');
    if (equal == std::string_view::npos || equal == 0)
      return bad(text, fmt::format("'{}' is no KEY=VARIABLE", word));
    const Pair pair{word.substr(0, equal), word.substr(equal + 1)};
    if (pair.variable != kFalse && find_variable(pair.variable) == nullptr)
      return bad(text, fmt::format("'{}' is no variable", pair.variable));
    pairs.push_back(pair);
  }
  if (pairs.empty()) return bad(text, "an object without KEY=VARIABLE");
  return pairs;
}

std::string object_of(std::span<const Pair> pairs, const Scene& scene) {
  std::string object;
  for (const Pair& pair : pairs) {
    const Variable* const variable = find_variable(pair.variable);
    const std::string value = variable == nullptr ? std::string(kFalse) : variable->value(scene);
    const bool is_number = variable == nullptr || variable->sort == Sort::kNumber;
    if (value.empty() || (is_number && value == "0")) continue;
    object += fmt::format("{}{}:{}", object.empty() ? "" : ",", quoted(pair.key),
                          is_number ? value : quoted(value));
  }
  return "{" + object + "}";
}

std::string array_of(std::span<const Pair> pairs, const Scene& scene,
                     std::span<const ContainerSlices> containers) {
  std::string array;
  for (const ContainerSlices& container : containers) {
    for (std::size_t i = 0; i < container.devices.size(); ++i) {
      Scene inner = scene;
      inner.position = i;
      inner.device = &container.devices[i];
      array += (array.empty() ? "" : ",") + object_of(pairs, inner);
    }
  }
  return "[" + array + "]";
}

std::string json(std::span<const Pair> pairs, const Scene& scene) {
  return array_of(pairs, scene, scene.shown);
}

std::string json_by_container(std::span<const Pair> pairs, const Scene& scene) {
  std::string arrays;
  for (const ContainerSlices& container : scene.shown)
    arrays += (arrays.empty() ? "" : ",") + array_of(pairs, scene, std::span(&container, 1));
  return "[" + arrays + "]";
}

std::string json_of_containers(std::span<const Pair> pairs, const Scene& scene) {
  std::string object;
  for (const ContainerSlices& container : scene.shown) {
    if (container.devices.empty()) continue;
    Scene inner = scene;
    inner.device = &container.devices.front();
    object += fmt::format("{}{}:{}", object.empty() ? "" : ",", quoted(container.container),
                          object_of(pairs, inner));
  }
  return "{" + object + "}";
}

struct Collection {
  std::string_view name;
  std::string (*text)(std::span<const Pair> pairs, const Scene& scene);
};
constexpr std::array kCollections = {Collection{"json", json},
                                     Collection{"json_by_container", json_by_container},
                                     Collection{"json_of_containers", json_of_containers}};

Result<std::string> expand_name(std::string_view text, std::string_view name, const Scene& scene) {
  const std::string_view word = name.substr(0, name.find(' '));
  for (const Collection& collection : kCollections) {
    if (collection.name != word) continue;
    MELON_TRY(const auto pairs, pairs_of(text, name.substr(word.size())));
    return collection.text(pairs, scene);
  }
  const Variable* const variable = find_variable(name);
  if (variable == nullptr) return bad(text, fmt::format("'{}' is no variable", name));
  return variable->value(scene);
}

Result<std::string> expand(std::string_view text, const Scene& scene) {
  return detail::fill_braces(
      text, [&](std::string_view name) { return expand_name(text, name, scene); }, known_names());
}

bool names(std::string_view text, std::string_view variable) {
  return text.find(variable) != std::string_view::npos;
}

const DeviceSlice* first_device(std::span<const ContainerSlices> containers) {
  for (const ContainerSlices& container : containers)
    if (!container.devices.empty()) return &container.devices.front();
  return nullptr;
}

using Texts = std::map<std::string, std::string>;

/// Those of the mode of its devices, where the backend has some; they are of one mode.
const Texts& templates_of(const Backend& backend, const ContainerSlices& slices) {
  if (slices.devices.empty()) return backend.environment;
  const auto of_mode = backend.mode_environment.find(slices.devices.front().mode);
  return of_mode == backend.mode_environment.end() ? backend.environment : of_mode->second;
}

Result<> expand_entry(const Texts::value_type& entry, const Scene& scene, Texts& out) {
  MELON_TRY(const std::string key, expand(entry.first, scene));
  MELON_TRY(std::string value, expand(entry.second, scene));
  out[key] = std::move(value);
  return {};
}

}  // namespace

std::span<const TemplateVariable> template_variables() {
  static constexpr auto kKnown = [] {
    std::array<TemplateVariable, kVariables.size()> known{};
    for (std::size_t i = 0; i < known.size(); ++i) known.at(i) = kVariables.at(i).known;
    return known;
  }();
  return kKnown;
}

Result<> check_template(std::string_view text) {
  const Backend backend;
  const Decision decision;
  MELON_TRY([[maybe_unused]] const auto expanded,
            expand(text, {.backend = backend, .decision = decision, .shown = {}}));
  return {};
}

Result<Texts> fixed_annotations_of(const Backend& backend, const Decision& decision) {
  const std::span<const ContainerSlices> all = decision.containers;
  Texts out;
  for (const auto& entry : backend.fixed_annotations) {
    const bool each = names(entry.first, "{container}") || names(entry.first, "{container_index}");
    for (std::size_t i = 0; i < (each ? all.size() : 1); ++i) {
      const auto shown = each ? all.subspan(i, 1) : all;
      const DeviceSlice* const device = first_device(shown);
      if (device == nullptr) continue;
      MELON_RETURN_IF_ERROR(expand_entry(entry,
                                         {.backend = backend,
                                          .decision = decision,
                                          .shown = shown,
                                          .position = 0,
                                          .device = device,
                                          .container = each ? std::optional(i) : std::nullopt},
                                         out));
    }
  }
  return out;
}

Result<Texts> environment_of(const Backend& backend, const ContainerSlices& slices) {
  const Decision decision;
  const std::span shown(&slices, 1);
  Texts out;
  for (const auto& entry : templates_of(backend, slices)) {
    const bool each = names(entry.first, "{i}");
    const std::size_t devices = slices.devices.size();
    for (std::size_t i = 0; i < (each ? devices : std::min<std::size_t>(devices, 1)); ++i)
      MELON_RETURN_IF_ERROR(expand_entry(entry,
                                         {.backend = backend,
                                          .decision = decision,
                                          .shown = shown,
                                          .position = i,
                                          .device = &slices.devices[i]},
                                         out));
  }
  std::erase_if(out, [](const auto& entry) { return entry.second.empty(); });
  return out;
}

}  // namespace melon::vendors

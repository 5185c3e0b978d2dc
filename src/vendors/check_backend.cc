// SPDX-License-Identifier: Apache-2.0
// The rules that one backend keeps for itself.
#include <fmt/format.h>

#include <algorithm>

#include "vendors/detail/check_report.h"
#include "vendors/template_text.h"

namespace melon::vendors::detail {
namespace {

constexpr std::string_view kWriteName = "write domain/name, such as acme.com/card";

/// Checks one backend, remembering where it stands.
class Checker {
 public:
  Checker(const Backend& backend, const Path& at, const Report& report)
      : backend_(backend), at_(at), report_(report) {}

  void run() {
    check_word();
    check_names();
    check_templates();
    check_rounding();
    check_compute();
    check_partitions();
    check_registrations();
    check_picker();
    check_annotations();
    check_texts({"fixed_annotations"}, backend_.fixed_annotations);
    check_texts({"environment"}, backend_.environment);
    for (const auto& [mode, environment] : backend_.mode_environment)
      check_texts({"mode_environment", mode}, environment);
  }

 private:
  void say(const Path& steps, std::string message, std::string_view remedy) {
    Path path = at_;
    path.insert(path.end(), steps.begin(), steps.end());
    report_(std::move(path), std::move(message), std::string(remedy));
  }

  void check_word() {
    const bool good = !backend_.word.empty() && backend_.word.size() <= 63 &&
                      backend_.word.find_first_of(" ,:;/\n\t") == std::string::npos;
    if (!good)
      say({"word"}, fmt::format("word '{}' does not fit into annotations", backend_.word),
          "use up to 63 letters, digits and '-', without blanks, commas, colons, slashes");
  }

  void check_names() {
    bool any = false;
    for (const auto& [resource, word] : Words<Resource>::kAll) {
      const std::string& name = backend_.resources.of(resource);
      any = any || !name.empty();
      if (!name.empty() && !is_resource_name(name))
        say({"resources", std::string(word)}, fmt::format("'{}' is no resource name", name),
            kWriteName);
    }
    if (backend_.resources.count.empty() && any)
      say({"resources"}, "nothing asks for the devices themselves", "add count: NAME");
    if (!any) say({"resources"}, "no resource is named", "add count: NAME");
    for (std::size_t i = 0; i < backend_.aliases.size(); ++i) check_alias(i);
  }

  void check_alias(std::size_t i) {
    const Alias& alias = backend_.aliases[i];
    const Path here = {"aliases", std::to_string(i)};
    if (!is_resource_name(alias.name))
      say(below(here, "name"), fmt::format("'{}' is no resource name", alias.name), kWriteName);
    if (backend_.resources.of(alias.stands_for).empty())
      say(below(here, "stands_for"),
          fmt::format("'{}' stands for {}, which this backend does not offer", alias.name,
                      word_of(alias.stands_for)),
          "name one of the backend's resources");
  }

  void check_templates() {
    MiB before;
    for (std::size_t i = 0; i < backend_.memory.templates.size(); ++i) {
      const Template& one = backend_.memory.templates[i];
      const Path here = {"memory", "templates", std::to_string(i)};
      if (one.memory <= before)
        say(below(here, "memory"),
            fmt::format("template {} is not larger than the one before it", one.name),
            "order templates by memory, smallest first");
      before = one.memory;
      for (const auto& [dimension, amount] : one.cost) {
        const auto known = backend_.dimensions.find(dimension);
        if (known == backend_.dimensions.end()) {
          say(below(below(here, "cost"), dimension),
              fmt::format("template {} costs '{}', which is no dimension", one.name, dimension),
              fmt::format("add {} to dimensions, or remove it here", dimension));
        } else if (amount > known->second) {
          say(below(below(here, "cost"), dimension),
              fmt::format("template {} costs {} of {}, a device has {}", one.name, amount,
                          dimension, known->second),
              "give it no more than a device has");
        }
      }
    }
    if (before > backend_.memory.capacity && backend_.memory.rounding == Rounding::kTemplate)
      say({"memory", "templates"}, "the largest template exceeds memory.capacity",
          "raise capacity, or remove the template");
  }

  void check_rounding() {
    const MemoryRule& memory = backend_.memory;
    if (memory.unit_mib < 1)
      say({"memory", "unit_mib"}, "a unit of memory is 0 MiB", "write 1, 256, 512 or 1024");
    if (memory.default_percent > 100)
      say({"memory", "default_percent"}, "more than a whole device", "write 0 to 100");
    if (memory.rounding == Rounding::kTemplate &&
        (memory.whole.count() == 0 || memory.whole > memory.capacity))
      say({"memory", "whole"},
          fmt::format("whole is {} MiB, capacity {} MiB", memory.whole.count(),
                      memory.capacity.count()),
          "whole is above 0 and at most capacity");
    if (memory.rounding == Rounding::kTier &&
        (memory.tiers_mib.empty() || !std::ranges::is_sorted(memory.tiers_mib) ||
         memory.tiers_mib.front() == 0))
      say({"memory", "tiers_mib"}, "tiers are absent, 0 or out of order",
          "list them smallest first");
    if (memory.rounding == Rounding::kLegal && memory.legal_units.empty())
      say({"memory", "legal_units"}, "no amount is legal", "list the legal amounts, in units");
    if (memory.rounding == Rounding::kProfile && backend_.partitions.empty())
      say({"memory", "rounding"}, "there is no profile to round to", "add partitions");
  }

  void check_compute() {
    const ComputeRule& compute = backend_.compute;
    if (compute.units_per_device < 1)
      say({"compute", "units_per_device"}, "a device has no compute", "write 100 for percent");
    if (compute.default_units > compute.units_per_device ||
        compute.without_memory.value_or(0) > compute.units_per_device)
      say({"compute"}, "a default exceeds the device", "write at most units_per_device");
    if (compute.from_memory && backend_.memory.rounding != Rounding::kTier)
      say({"compute", "from_memory"}, "compute follows memory that is not in tiers",
          "set memory.rounding: tier");
    if (compute.only_in_soft_mode && backend_.soft_mode.annotation.empty())
      say({"compute", "only_in_soft_mode"}, "there is no soft mode", "add soft_mode");
  }

  void check_partitions() {
    for (std::size_t i = 0; i < backend_.partitions.size(); ++i) {
      const PartitionTable& table = backend_.partitions[i];
      for (std::size_t j = 0; j < table.profiles.size(); ++j) {
        const PartitionProfile& profile = table.profiles[j];
        if (profile.compute_units <= table.compute_units && profile.size >= 1 &&
            profile.memory.count() > 0)
          continue;
        say({"partitions", std::to_string(i), "profiles", std::to_string(j)},
            fmt::format("profile {} has no memory, no size, or more compute than the device",
                        profile.name),
            "compare it with the table's compute_units");
      }
    }
  }

  void check_registrations() {
    for (std::size_t i = 0; i < backend_.registrations.size(); ++i) {
      const Registration& one = backend_.registrations[i];
      const Path here = {"registrations", std::to_string(i)};
      const bool derived = one.format == RegistrationFormat::kCapacity;
      if (derived != one.annotation.empty())
        say(below(here, "annotation"),
            derived ? "capacity needs no annotation" : "the node's annotation is not named",
            derived ? "remove it" : "add annotation: KEY");
      if (derived) check_capacity(one, here);
    }
  }

  void check_capacity(const Registration& one, const Path& here) {
    if (one.id.find("{i}") == std::string::npos || one.id.find("{node}") == std::string::npos)
      say(below(here, "id"), fmt::format("id '{}' does not name each device", one.id),
          "use {node} and {i} in it");
    if (one.per_device < 1 || one.devices_from == CapacityOf::kNone)
      say(below(here, "devices_from"), "the number of devices is not defined",
          "name a capacity, and how much of it makes a device");
  }

  void check_picker() {
    const Picker& picker = backend_.picker;
    const bool needs_attribute =
        picker.kind == PickerKind::kBiggestGroup || picker.kind == PickerKind::kZoneBestFit;
    if (needs_attribute && picker.attribute.empty())
      say({"picker", "attribute"}, "nothing says which devices belong together",
          "name an attribute of the devices");
    if (picker.kind == PickerKind::kAlignedRun && picker.counts.empty())
      say({"picker", "counts"}, "no count can be aligned", "list the counts");
    if (picker.kind == PickerKind::kWings) check_wings(picker);
    if (picker.ring_label.empty() != picker.ring_value.empty())
      say({"picker", "ring_label"}, "a ring needs both label and value", "add the other one");
  }

  void check_wings(const Picker& picker) {
    if (picker.wing_size < 1)
      say({"picker", "wing_size"}, "a wing has no devices", "write the devices of one wing");
    for (std::size_t i = 0; i < picker.quads.size(); ++i) {
      const auto outside = [&](std::int64_t at) { return at >= 2 * picker.wing_size; };
      if (picker.quads[i].size() != 4 || std::ranges::any_of(picker.quads[i], outside))
        say({"picker", "quads", std::to_string(i)}, "a quad is not four devices of the wings",
            fmt::format("write four numbers below {}", 2 * picker.wing_size));
    }
  }

  void check_annotations() {
    if (backend_.liveness.kind == LivenessKind::kHandshake && backend_.liveness.annotation.empty())
      say({"liveness", "annotation"}, "a handshake has no annotation", "add annotation: KEY");
    if (backend_.lock.kind != LockKind::kNone && backend_.lock.annotation.empty())
      say({"lock", "annotation"}, "a lock has no annotation", "add annotation: KEY");
    if (!backend_.keys.to_allocate.empty() && backend_.keys.allocated.empty())
      say({"keys", "allocated"}, "usage could not be rebuilt after a restart",
          "add allocated: KEY");
  }

  void check_texts(Path field, const std::map<std::string, std::string>& texts) {
    field.emplace_back();
    for (const auto& entry : texts) {
      field.back() = entry.first;
      for (const std::string& text : {entry.first, entry.second})
        if (const auto known = check_template(text); !known)
          say(field, known.error().message, known.error().remedy);
    }
  }

  const Backend& backend_;
  const Path& at_;
  const Report& report_;
};

}  // namespace

void check_backend(const Backend& backend, const Path& at, const Report& report) {
  Checker(backend, at, report).run();
}

}  // namespace melon::vendors::detail

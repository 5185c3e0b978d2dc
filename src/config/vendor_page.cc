// SPDX-License-Identifier: Apache-2.0
// Writes the reference page of vendors.
#include "config/vendor_page.h"

#include <fmt/format.h>

#include "core/names.h"
#include "vendors/template_text.h"

namespace melon::config {
namespace {

using vendors::Backend;

std::string named(std::string_view name) { return fmt::format("`{}`", name); }

std::string memory_unit(const Backend& backend) {
  const vendors::MemoryRule& rule = backend.memory;
  std::string text = rule.unit_mib == 1 ? "MiB" : fmt::format("{} MiB", rule.unit_mib);
  if (rule.suffix_means_bytes) text += ", or bytes with a suffix";
  if (rule.rounding != vendors::Rounding::kNone)
    text += fmt::format("; rounding: {}", vendors::word_of(rule.rounding));
  return text;
}

std::string compute_unit(const Backend& backend) {
  const vendors::ComputeRule& rule = backend.compute;
  if (rule.unit == vendors::ComputeUnit::kPercent) return "percent";
  if (rule.unit == vendors::ComputeUnit::kUnits)
    return fmt::format("{} a device", rule.units_per_device);
  if (rule.unit == vendors::ComputeUnit::kCoreMask) return "cores";
  return "percent, kept in compute units";
}

std::string row_of(const vendors::Descriptor& vendor, const Backend& backend) {
  std::string resources = named(backend.resources.count);
  std::string units = "devices";
  const auto add = [&](const std::string& name, const std::string& unit) {
    if (name.empty()) return;
    resources += "<br>" + named(name);
    units += "<br>" + unit;
  };
  add(backend.resources.memory, memory_unit(backend));
  add(backend.resources.memory_percentage, "percent of a device");
  add(backend.resources.compute, compute_unit(backend));
  add(backend.resources.priority, "0 high, 1 low");
  return fmt::format("| {} | {} | {} | {} | {} | {} |\n", vendor.id, named(backend.word), resources,
                     units, vendors::word_of(backend.picker.kind),
                     core::to_text(vendor.enforcement));
}

std::string aliases_of(std::span<const vendors::Descriptor> descriptors) {
  std::string rows;
  for (const vendors::Descriptor& vendor : descriptors)
    for (const Backend& backend : vendor.backends)
      for (const vendors::Alias& alias : backend.aliases)
        rows += fmt::format(
            "| {} | {} |{}\n", named(alias.name), named(backend.resources.of(alias.stands_for)),
            alias.unit_mib == 0 ? std::string(" |") : fmt::format(" {} MiB |", alias.unit_mib));
  return rows;
}

}  // namespace

std::string vendor_page(std::span<const vendors::Descriptor> descriptors) {
  std::string page =
      "# Vendors\n\n<!-- Generated from src/vendors by `make reference`. -->\n\n"
      "What a cluster's containers may ask for. `melon vendors show ID` prints a whole descriptor; "
      "[vendor.schema.json](vendor.schema.json) says what one may hold, and "
      "[add-a-vendor](../howto/add-a-vendor.md) how to write one. *Enforcement* is what keeps a "
      "limit on this machine: `none` means that Melon chooses devices, and a vendor's own driver "
      "or "
      "plugin keeps limits or nobody does.\n\n"
      "| vendor | backend | resources | units | several devices | enforcement |\n"
      "|---|---|---|---|---|---|\n";
  for (const vendors::Descriptor& vendor : descriptors)
    for (const Backend& backend : vendor.backends) page += row_of(vendor, backend);
  page +=
      "\n## Historic names\n\nAdmission rewrites them.\n\n| name | stands for | unit "
      "|\n|---|---|---|\n" +
      aliases_of(descriptors);
  page +=
      "\n## Variables of templates\n\nIn `fixed_annotations` and `environment` of a backend.\n\n"
      "| name | what it is |\n|---|---|\n";
  for (const vendors::TemplateVariable& variable : vendors::template_variables())
    page +=
        fmt::format("| {} | {} |\n", named(fmt::format("{{{}}}", variable.name)), variable.text);
  return page +
         "| `{json K=V ...}` | a list with an object for each device |\n"
         "| `{json_by_container K=V ...}` | a list of such lists |\n"
         "| `{json_of_containers K=V ...}` | an object with one for each container |\n";
}

}  // namespace melon::config

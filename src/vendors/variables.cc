// SPDX-License-Identifier: Apache-2.0
// Expands the templates of descriptors.
#include "vendors/variables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "vendors/detail/braces.h"

namespace melon::vendors {
namespace {

std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ",") + value;
  return text;
}

struct Variable {
  std::string_view name;
  std::string (*value)(const Variables& variables);
};

constexpr std::array kVariables = {
    Variable{"library", [](const Variables& v) { return v.library; }},
    Variable{"grant_folder", [](const Variables& v) { return v.grant_folder; }},
    Variable{"device_ids", [](const Variables& v) { return joined(v.device_ids); }},
    Variable{"device_indices",
             [](const Variables& v) {
               std::vector<std::string> indices;
               for (const int index : v.device_indices) indices.push_back(std::to_string(index));
               return joined(indices);
             }},
    Variable{"memory_mib", [](const Variables& v) { return joined(v.memory_mib); }},
};

constexpr auto kNames = [] {
  std::array<std::string_view, kVariables.size()> names{};
  for (std::size_t i = 0; i < names.size(); ++i) names.at(i) = kVariables.at(i).name;
  return names;
}();

std::string known_names() {
  std::string names;
  for (const std::string_view name : kNames)
    names += fmt::format("{}{{{}}}", names.empty() ? "" : ", ", name);
  return names;
}

}  // namespace

std::span<const std::string_view> variable_names() { return kNames; }

Result<std::string> expand(std::string_view text, const Variables& variables) {
  const std::string known = known_names();
  const auto value_of = [&](std::string_view name) -> Result<std::string> {
    const auto* const variable = std::ranges::find(kVariables, name, &Variable::name);
    if (variable == kVariables.end())
      return detail::bad_template(text, fmt::format("'{}' is no variable", name), known);
    return variable->value(variables);
  };
  return detail::fill_braces(text, value_of, known);
}

Result<std::map<std::string, std::string>> environment_of(const Descriptor& descriptor,
                                                          const Variables& variables) {
  std::map<std::string, std::string> environment;
  for (const auto& [name, text] : descriptor.environment) {
    MELON_TRY(environment[name], expand(text, variables));
  }
  return environment;
}

}  // namespace melon::vendors

// SPDX-License-Identifier: Apache-2.0
// Expands the templates of descriptors.
#include "vendors/variables.h"

#include <fmt/format.h>

#include <array>

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

std::string accepted_names() {
  std::string names;
  for (const std::string_view name : kNames)
    names += fmt::format("{}{{{}}}", names.empty() ? "" : ", ", name);
  return "known variables are " + names + "; a brace itself is written {{";
}

}  // namespace

std::span<const std::string_view> variable_names() { return kNames; }

Result<std::string> expand(std::string_view text, const Variables& variables) {
  const auto bad = [text](std::string_view rule) {
    return fail(Code::kInvalidArgument, fmt::format("template '{}': {}", text, rule),
                accepted_names());
  };
  std::string out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto open = rest.find('{');
    out += rest.substr(0, open);
    if (open == std::string_view::npos) break;
    rest.remove_prefix(open + 1);
    if (rest.starts_with('{')) {
      out += '{';
      rest.remove_prefix(1);
      continue;
    }
    const auto close = rest.find('}');
    if (close == std::string_view::npos) return bad("a brace is not closed");
    const std::string_view name = rest.substr(0, close);
    rest.remove_prefix(close + 1);
    const auto* known = kVariables.begin();
    while (known != kVariables.end() && known->name != name) ++known;
    if (known == kVariables.end()) return bad(fmt::format("'{}' is no variable", name));
    out += known->value(variables);
  }
  return out;
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

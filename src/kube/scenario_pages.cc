// SPDX-License-Identifier: Apache-2.0
// Prints what documents say of scenarios: `schema`, their JSON schema, or `page`, for people.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "kube/scenario.h"

namespace melon::kube {
namespace {

using Json = nlohmann::ordered_json;

/// "list of node", "one of none, hami-2.9": what a value is, for people.
std::string type_text(const Json& rule) {
  if (const auto reference = rule.find("$ref"); reference != rule.end()) {
    const std::string name = reference->get<std::string>();
    return name.substr(name.rfind('/') + 1);
  }
  if (const auto words = rule.find("enum"); words != rule.end()) {
    std::string text = "one of";
    for (const Json& word : *words) text += fmt::format(" `{}`", word.get<std::string>());
    return text;
  }
  const Json& type = rule["type"];
  if (type.is_array()) {
    std::string text;
    for (const Json& one : type)
      text += fmt::format("{}{}", text.empty() ? "" : ", ", one.get<std::string>());
    return text;
  }
  std::string word = type.get<std::string>();
  if (word == "array") return "list of " + type_text(rule["items"]);
  const auto others = rule.find("additionalProperties");
  if (word == "object" && others != rule.end() && others->is_object())
    return "map to " + type_text(*others);
  return word;
}

bool is_required(const Json& rule, const std::string& key) {
  for (const Json& one : rule.value("required", Json::array()))
    if (one == key) return true;
  return false;
}

std::string table_of(const std::string& name, const Json& rule) {
  std::string text = fmt::format("\n## {}\n\n", name);
  const std::string about = rule.value("description", std::string());
  if (!about.empty()) text += about + ".\n\n";
  const auto members = rule.find("properties");
  if (members == rule.end()) return text + "A " + type_text(rule) + ".\n";
  text += "| key | is | meaning |\n|---|---|---|\n";
  for (const auto& [key, member] : members->items())
    text += fmt::format("| `{}`{} | {} | {} |\n", key, is_required(rule, key) ? " (required)" : "",
                        type_text(member), member.value("description", std::string()));
  return text;
}

std::string page_text() {
  const Json schema = Json::parse(scenario_schema());
  std::string page =
      "<!-- Generated from src/kube/scenario.schema.json by `make reference`. -->\n"
      "# Scenarios\n\n"
      "A scenario is a YAML file: a cluster, the pods that come to it, and what must become of "
      "them. `melon explain --scenario FILE` plays it through the placement engine and says what "
      "differs; it exits with 1 when something does. Those of the project are in "
      "`tests/scenarios`; adding a case is adding a file there.\n\n"
      "The JSON schema is [scenario.schema.json](scenario.schema.json). The time in a scenario is "
      "2026-01-01T00:00:00Z. A short one to begin with is "
      "[nearest.yaml](../../tests/scenarios/nearest.yaml).\n";

  page += table_of("A scenario", schema);
  for (const auto& [name, rule] : schema["definitions"].items()) page += table_of(name, rule);
  return page;
}

}  // namespace
}  // namespace melon::kube

int main(int argc, char** argv) {
  const bool wants_schema = argc > 1 && std::string_view(argv[1]) == "schema";
  const std::string text = wants_schema ? melon::kube::scenario_schema() : melon::kube::page_text();
  return std::fputs(text.c_str(), stdout) < 0 ? 1 : 0;
}

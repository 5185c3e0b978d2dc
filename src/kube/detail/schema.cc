// SPDX-License-Identifier: Apache-2.0
// Checks a value against a JSON schema, as far as our own schemas go.
#include "kube/detail/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace melon::kube::detail {
namespace {

using Json = nlohmann::json;
using Found = std::optional<Problem>;

bool has_type(const Json& value, const std::string& type) {
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "array") return value.is_array();
  return type == "object" && value.is_object();
}

std::string joined(const Json& words) {
  std::string text;
  for (const Json& word : words)
    text += fmt::format("{}{}", text.empty() ? "" : ", ", word.get<std::string>());
  return text;
}

class Checker {
 public:
  explicit Checker(const Json& root) : root_(root) {}

  Found check(const Json& schema, const Json& value, const std::string& path) const {
    if (const auto reference = schema.find("$ref"); reference != schema.end()) {
      const std::string pointer = reference->get<std::string>().substr(1);
      return check(root_.at(Json::json_pointer(pointer)), value, path);
    }
    if (Found found = check_value(schema, value, path)) return found;
    if (value.is_object()) return check_members(schema, value, path);
    if (value.is_array()) return check_items(schema, value, path);
    return std::nullopt;
  }

 private:
  static Found check_value(const Json& schema, const Json& value, const std::string& path) {
    if (const auto type = schema.find("type"); type != schema.end()) {
      const Json types = type->is_array() ? *type : Json::array({*type});
      const bool fits = std::ranges::any_of(
          types, [&value](const Json& one) { return has_type(value, one.get<std::string>()); });
      if (!fits)
        return Problem{path,
                       fmt::format("expected {}, found {}", joined(types), value.type_name())};
    }
    if (const auto words = schema.find("enum"); words != schema.end())
      if (std::ranges::find(*words, value) == words->end())
        return Problem{path, fmt::format("{} is not one of {}", value.dump(), joined(*words))};
    return check_bounds(schema, value, path);
  }

  static Found check_bounds(const Json& schema, const Json& value, const std::string& path) {
    if (const auto least = schema.find("minimum"); least != schema.end())
      if (value.is_number() && value < *least)
        return Problem{path, fmt::format("{} is less than {}", value.dump(), least->dump())};
    if (const auto most = schema.find("maximum"); most != schema.end())
      if (value.is_number() && value > *most)
        return Problem{path, fmt::format("{} is more than {}", value.dump(), most->dump())};
    return std::nullopt;
  }

  Found check_members(const Json& schema, const Json& value, const std::string& path) const {
    for (const Json& key : schema.value("required", Json::array()))
      if (!value.contains(key.get<std::string>()))
        return Problem{path, fmt::format("'{}' is missing", key.get<std::string>())};
    const Json known = schema.value("properties", Json::object());
    for (const auto& [key, member] : value.items()) {
      const std::string below = path.empty() ? key : fmt::format("{}.{}", path, key);
      const Json* const rule = rule_of(schema, known, key);
      if (rule == nullptr)
        return Problem{path, fmt::format("'{}' is not one of its keys: {}", key, keys_of(known))};
      if (!rule->is_object()) continue;
      if (Found found = check(*rule, member, below)) return found;
    }
    return std::nullopt;
  }

  /// What a member must be: a schema, or true for anything; null when it may not be there.
  static const Json* rule_of(const Json& schema, const Json& known, const std::string& key) {
    static const Json kAnything = true;
    if (const auto found = known.find(key); found != known.end()) return &*found;
    const auto others = schema.find("additionalProperties");
    if (others == schema.end()) return &kAnything;
    return others->is_boolean() && !others->get<bool>() ? nullptr : &*others;
  }

  static std::string keys_of(const Json& known) {
    Json keys = Json::array();
    for (const auto& [key, rule] : known.items()) keys.push_back(key);
    return joined(keys);
  }

  Found check_items(const Json& schema, const Json& value, const std::string& path) const {
    if (value.size() < schema.value("minItems", std::size_t{0}))
      return Problem{path, "must not be empty"};
    const auto rule = schema.find("items");
    if (rule == schema.end()) return std::nullopt;
    for (std::size_t i = 0; i < value.size(); ++i)
      if (Found found = check(*rule, value[i], fmt::format("{}[{}]", path, i))) return found;
    return std::nullopt;
  }

  const Json& root_;
};

}  // namespace

std::optional<Problem> find_violation(const Json& schema, const Json& value) {
  return Checker(schema).check(schema, value, "");
}

}  // namespace melon::kube::detail

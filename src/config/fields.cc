// SPDX-License-Identifier: Apache-2.0
// JSON text for the tables of fields.
#include "config/detail/fields.h"

#include <nlohmann/json.hpp>

namespace melon::config::detail {

Json json_string(std::string_view text) { return nlohmann::json(text).dump(); }

Json object_of(std::span<const std::pair<std::string, Json>> members) {
  Json text;
  for (const auto& [name, value] : members)
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", json_string(name), value);
  return "{" + text + "}";
}

Json array_of(std::span<const Json> items) {
  Json text;
  for (const Json& item : items) text += (text.empty() ? "" : ",") + item;
  return "[" + text + "]";
}

}  // namespace melon::config::detail

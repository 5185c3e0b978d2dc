// SPDX-License-Identifier: Apache-2.0
// Writes JSON values as YAML.
#include "cli/yaml.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace melon::cli {
namespace {

using Json = nlohmann::ordered_json;

bool plain(const std::string& text) {
  static const std::vector<std::string> kWords = {"true", "false", "null", "yes",
                                                  "no",   "on",    "off"};
  if (text.empty() || !std::isalpha(static_cast<unsigned char>(text.front()))) return false;
  std::string lower = text;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  if (std::ranges::find(kWords, lower) != kWords.end() || lower == "y" || lower == "n")
    return false;
  return std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '/';
  });
}

std::string scalar(const Json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (plain(text)) return text;
  }
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool is_block(const Json& value) { return value.is_structured() && !value.empty(); }

void append(std::string& out, const Json& value, std::size_t indent);

// A block inside a list item starts on the dash's own line.
void append_item(std::string& out, const Json& item, std::size_t indent) {
  const std::string margin(indent, ' ');
  if (!is_block(item)) {
    out += margin + "- " + scalar(item) + "\n";
    return;
  }
  std::string nested;
  append(nested, item, indent + 2);
  nested[indent] = '-';
  out += nested;
}

void append_member(std::string& out, const std::string& key, const Json& value,
                   std::size_t indent) {
  out += std::string(indent, ' ') + scalar(Json(key)) + ":";
  if (!is_block(value)) {
    out += " " + scalar(value) + "\n";
    return;
  }
  out += "\n";
  append(out, value, value.is_array() ? indent : indent + 2);
}

void append(std::string& out, const Json& value, std::size_t indent) {
  if (!is_block(value)) {
    out += std::string(indent, ' ') + scalar(value) + "\n";
    return;
  }
  if (value.is_array()) {
    for (const Json& item : value) append_item(out, item, indent);
    return;
  }
  for (const auto& [key, member] : value.items()) append_member(out, key, member, indent);
}

}  // namespace

std::string to_yaml(const nlohmann::ordered_json& value) {
  std::string out;
  append(out, value, 0);
  return out;
}

}  // namespace melon::cli

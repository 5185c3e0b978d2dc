// SPDX-License-Identifier: Apache-2.0
// Writes JSON values as YAML.
#include "cli/yaml.h"

#include <fmt/format.h>

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

// What YAML lets no text hold as it is (DEL and the controls U+0080 to U+009F, byte order marks,
// U+FFFE and U+FFFF), or takes for the end of a line (U+0085, U+2028, U+2029).
bool must_be_escaped(char32_t character) {
  return (character >= 0x7f && character < 0xa0) || character == 0x2028 || character == 0x2029 ||
         character == 0xfeff || character == 0xfffe || character == 0xffff;
}

struct Decoded {
  char32_t character = 0;
  std::size_t bytes = 1;
};

// The character at the front of valid UTF-8.
Decoded decode(std::string_view text) {
  const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (at(0) < 0x80) return {.character = at(0), .bytes = 1};
  const std::size_t bytes = at(0) < 0xe0 ? 2 : at(0) < 0xf0 ? 3 : 4;
  char32_t character = at(0) & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) character = (character << 6U) | (at(i) & 0x3fU);
  return {.character = character, .bytes = bytes};
}

// A JSON text, which YAML reads too once the rest that it forbids is escaped.
std::string escaped(std::string_view json) {
  std::string text;
  while (!json.empty()) {
    const Decoded next = decode(json);
    text += must_be_escaped(next.character)
                ? fmt::format("\\u{:04x}", static_cast<unsigned>(next.character))
                : std::string(json.substr(0, next.bytes));
    json.remove_prefix(next.bytes);
  }
  return text;
}

std::string scalar(const Json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (plain(text)) return text;
  }
  return escaped(value.dump(-1, ' ', false, Json::error_handler_t::replace));
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

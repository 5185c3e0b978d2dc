// SPDX-License-Identifier: Apache-2.0
// Turns a YAML document into JSON.
#include "config/yaml_json.h"

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <nlohmann/json.hpp>

namespace melon::config {
namespace {

using Json = nlohmann::ordered_json;

template <class Number>
bool reads_as(const std::string& text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && rest == end;
}

Json plain_scalar(const std::string& text) {
  if (text.empty() || text == "null" || text == "~") return nullptr;
  if (text == "true") return true;
  if (text == "false") return false;
  if (std::int64_t whole = 0; reads_as(text, whole)) return whole;
  if (double fraction = 0; reads_as(text, fraction)) return fraction;
  return text;
}

Json convert(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null:
      return nullptr;
    case YAML::NodeType::Scalar: {
      const bool quoted = node.Tag() == "!";
      return quoted ? Json(node.Scalar()) : plain_scalar(node.Scalar());
    }
    case YAML::NodeType::Sequence: {
      Json list = Json::array();
      for (const YAML::Node& item : node) list.push_back(convert(item));
      return list;
    }
    case YAML::NodeType::Map:
      break;
  }
  Json object = Json::object();
  for (const auto& member : node) object[member.first.Scalar()] = convert(member.second);
  return object;
}

}  // namespace

Result<std::string> yaml_to_json(std::string_view yaml) {
  try {
    return convert(YAML::Load(std::string(yaml))).dump();
  } catch (const std::exception& error) {  // what yaml-cpp and the JSON library throw ends here
    return fail(Code::kInvalidArgument, std::string("not YAML: ") + error.what(),
                "check the line that the message names");
  }
}

}  // namespace melon::config

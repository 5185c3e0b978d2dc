// SPDX-License-Identifier: Apache-2.0
// What the page says of the daemon's answers is what the daemon's contract says.
#include "cli/json_shapes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "agent/contract.h"

namespace melon::cli {
namespace {

using Json = nlohmann::json;
using testing::Contains;

std::set<std::string> documented(const JsonShape& shape) {
  std::set<std::string> keys;
  for (const JsonKey& row : shape.keys) keys.emplace(row.key);
  return keys;
}

TEST(JsonShapes, AreThoseOfTheContract) {
  const Json schemas = Json::parse(agent::contract_json()).at("components").at("schemas");
  std::set<std::string_view> compared;
  for (const JsonShape& shape : json_shapes()) {
    const auto schema = schemas.find(std::string(shape.name));
    if (schema == schemas.end() || schema->contains("additionalProperties")) continue;
    std::set<std::string> promised;
    for (const auto& [key, unused] : schema->at("properties").items()) promised.insert(key);
    EXPECT_EQ(documented(shape), promised) << shape.name;
    compared.insert(shape.name);
  }
  for (const std::string_view name : {"Device", "Grant", "Slice", "Plan", "PlannedSlice", "Version",
                                      "Explanation", "Refusal", "Environment", "Event", "Finding"})
    EXPECT_THAT(compared, Contains(name));
}

TEST(JsonShapes, NameNoShapeThatIsNotThere) {
  std::set<std::string_view> known;
  std::set<std::string_view> named;
  const auto take = [&named](std::string_view value) {
    const auto at = value.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    if (at != std::string_view::npos)
      named.insert(value.substr(at, value.find_first_of(" ,", at) - at));
  };
  for (const JsonShape& shape : json_shapes()) {
    EXPECT_TRUE(known.insert(shape.name).second) << shape.name;
    for (const JsonKey& row : shape.keys) take(row.value);
  }
  for (const JsonOutput& row : json_outputs()) take(row.prints);
  EXPECT_EQ(named, known);
}

}  // namespace
}  // namespace melon::cli

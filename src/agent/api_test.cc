// SPDX-License-Identifier: Apache-2.0
// The table of operations against the contract.
#include "agent/api.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "agent/contract.h"
#include "net/error_body.h"

namespace melon::agent {
namespace {

using Operations = std::set<std::pair<std::string, std::string>>;  // method, path

Operations of_contract() {
  constexpr std::array kMethods = {"get", "put", "post", "delete", "patch", "head", "options"};
  Operations all;
  const auto contract = nlohmann::json::parse(contract_json());
  for (const auto& [path, entries] : contract.at("paths").items())
    for (std::string method : kMethods) {
      if (!entries.contains(method)) continue;
      std::ranges::transform(method, method.begin(), [](unsigned char letter) {
        return static_cast<char>(std::toupper(letter));
      });
      all.emplace(method, path);
    }
  return all;
}

TEST(Api, ItsErrorCodesAreThoseOfTheContract) {
  std::set<std::string> told;
  for (const net::ErrorCode& entry : net::error_codes()) told.emplace(entry.name);
  const auto contract = nlohmann::json::parse(contract_json());
  const auto listed = contract.at(nlohmann::json::json_pointer(
      "/components/schemas/ErrorAnswer/properties/error/properties/code/enum"));
  EXPECT_EQ(listed.get<std::set<std::string>>(), told);
}

TEST(Api, HasTheOperationsOfTheContractAndNoOthers) {
  Operations served;
  for (const Operation& operation : Api::operations())
    EXPECT_TRUE(served.emplace(operation.method, operation.pattern).second)
        << operation.method << " " << operation.pattern << " is twice in the table";
  EXPECT_EQ(served, of_contract());
  EXPECT_FALSE(served.empty());
}

}  // namespace
}  // namespace melon::agent

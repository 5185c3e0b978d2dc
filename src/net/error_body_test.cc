// SPDX-License-Identifier: Apache-2.0
// Errors keep their code and texts on the way through HTTP.
#include "net/error_body.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace melon::net {
namespace {

TEST(ErrorBody, EveryCodeComesBack) {
  for (const ErrorCode& entry : error_codes()) {
    const auto response = error_response(entry, {entry.code, "what", "how"});
    EXPECT_EQ(response.status, entry.status);
    EXPECT_EQ(nlohmann::json::parse(response.body).at("error").at("code"), entry.name);
    const Error error = to_error(response);
    EXPECT_EQ(error.code, entry.code) << entry.name;
    EXPECT_EQ(error.message, "what");
    EXPECT_EQ(error.remedy, "how");
  }
}

TEST(ErrorBody, AStatusOfHttpsOwnHasItsName) {
  for (const auto& [status, name] :
       {std::pair(408, "timeout"), std::pair(413, "too_large"), std::pair(431, "too_large")}) {
    const auto response = error_response(status, {Code::kInvalidArgument, "what", "how"});
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(nlohmann::json::parse(response.body).at("error").at("code"), name);
  }
}

TEST(ErrorBody, AnyBytesInAMessageGiveValidJson) {
  const auto response = error_response({Code::kNotFound, "grant '\xff\xfe\"\n'", ""});
  EXPECT_FALSE(nlohmann::json::parse(response.body, nullptr, false).is_discarded());
}

TEST(ErrorBody, AnswersOfOthersAreToleratedByTheirStatus) {
  for (const char* const body :
       {"", "<html>", "[]", "{}", R"({"error": 5})", R"({"error": {"code": 4}})"}) {
    HttpResponse response;
    response.status = 404;
    response.body = body;
    EXPECT_EQ(to_error(response).code, Code::kNotFound) << body;
    response.status = 418;
    EXPECT_EQ(to_error(response).code, Code::kInvalidArgument) << body;
  }
}

}  // namespace
}  // namespace melon::net

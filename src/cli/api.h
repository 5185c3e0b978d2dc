// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/session.h"
#include "net/http.h"

namespace melon::cli {

/// A call to the daemon. The answer's body as JSON (null when it is empty).
/// Errors: kUnavailable when no daemon answers (with the remedy); otherwise what the daemon said,
/// whose message goes on, line by line, with the devices and rules of a refusal and what would fit.
Result<Json> get(const Session& session, const std::string& target);
Result<Json> send(const Session& session, const std::string& method, const std::string& target,
                  const Json& body);

/// "/v1/grants/NAME", escaped, with what follows it.
std::string grant_target(const std::string& name, const std::string& rest = "");

/// The daemon's health, without an error when there is none.
bool daemon_answers(const std::string& socket);

/// Reads an answer: its JSON, or the error that it stands for.
Result<Json> to_json(const net::HttpResponse& response);

/// A refusal: one line for each device and the rule that it failed, then what would be placed. Each
/// line begins with a line break and two spaces.
std::string refusal_text(const Json& refusal);

/// Members that may be absent or null.
std::string text_of(const Json& object, const char* key);
std::optional<std::int64_t> number_of(const Json& object, const char* key);
bool flag_of(const Json& object, const char* key);
/// A member that is an array, else an empty array.
const Json& list_of(const Json& object, const char* key);

}  // namespace melon::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace melon::net {

/// The target of an HTTP request, decoded.
struct Target {
  std::string path;                          // begins with '/', holds no NUL
  std::map<std::string, std::string> query;  // of a repeated name the last counts
};

/// Splits and decodes "/v1/grants?all=true". '+' in the query is a space. A path is taken as it
/// is, "." and ".." are names like any other. Errors: kInvalidArgument for what does not begin
/// with '/', for a broken percent escape and for an encoded NUL.
Result<Target> parse_target(std::string_view text);

/// Escapes a word so that parse_target() gives it back, in a path or in a query.
std::string percent_encode(std::string_view word);

}  // namespace melon::net

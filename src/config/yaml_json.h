// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace melon::config {

/// The same document as JSON: plain scalars become null, booleans and numbers as YAML 1.2's core
/// schema reads them, quoted ones stay text; null for a text without a document. What an alias
/// stands for is repeated. Takes time in proportion to the text. Errors: kInvalidArgument,
/// "line N: ...", for what is not YAML, several documents, a key that is no scalar, nesting of more
/// than 64 levels, aliases that make the result more than 16 times as long as the text.
Result<std::string> yaml_to_json(std::string_view yaml);

/// Receives the JSON of one document and the line of its value. An error ends the reading.
using TakeJson = std::function<Result<>(std::string json, int line)>;

/// As above, for each document of a text with several, one at a time.
Result<> yaml_documents_to_json(std::string_view yaml, const TakeJson& take);

}  // namespace melon::config

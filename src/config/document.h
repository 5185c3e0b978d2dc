// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace melon::config {

/// A YAML value that remembers where it stood. Scalars stay text: what they mean is decided by
/// whoever expects them.
struct Document {
  enum class Kind { kNull, kScalar, kSequence, kMapping };

  Kind kind = Kind::kNull;
  std::string key = {};              // within a mapping
  std::string scalar = {};           // of a kScalar
  std::vector<Document> items = {};  // of a kSequence or kMapping, in the order of the text
  int line = 1;

  /// The value of a mapping's key, or null.
  const Document* find(std::string_view name) const;
};

/// Reads one YAML document of at most 1 MiB, 16 levels and 10000 values (aliases count each time).
/// Errors: kInvalidArgument, "FILE:LINE: ...": not YAML, several documents, a key twice, a key
/// that is no scalar, over those bounds.
Result<Document> parse_yaml(const std::string& file, std::string_view text);

/// An error at a place of a document.
tl::unexpected<Error> fail_at(const std::string& file, int line, std::string_view message,
                              std::string remedy);

}  // namespace melon::config

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace melon::vendors {

/// The one spelling of each enumerator of E: `kWhat` says what sort of word it is, `kAll` pairs
/// values with words. Loader, messages, JSON schema and documents read the same table.
template <class E>
struct Words;

template <class E>
constexpr std::string_view word_of(E value) {
  for (const auto& [known, word] : Words<E>::kAll)
    if (known == value) return word;
  return "unknown";
}

/// Errors: kInvalidArgument naming the word and the accepted ones.
template <class E>
Result<E> parse_word(std::string_view text) {
  std::string accepted;
  for (const auto& [value, word] : Words<E>::kAll) {
    if (word == text) return value;
    accepted += fmt::format("{}{}", accepted.empty() ? "" : ", ", word);
  }
  return fail(Code::kInvalidArgument,
              fmt::format("{} '{}': not one of {}", Words<E>::kWhat, text, accepted),
              "use one of " + accepted);
}

}  // namespace melon::vendors

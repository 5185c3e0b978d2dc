// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace melon {

constexpr std::string_view kGrantIdPrefix = "g-";
constexpr std::string_view kGrantIdAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t kGrantIdCharacters = 12;  // after the prefix

/// A grant's id: "g-" and 12 characters of a-z and 2-7, so 60 random bits. `rng` is any uniform
/// random bit generator of at least 32 bits per call whose range starts at 0; the caller owns its
/// seed, so that tests are repeatable.
template <class Rng>
std::string make_grant_id(Rng& rng) {
  static_assert(Rng::min() == 0 && Rng::max() >= UINT32_MAX);
  std::string id(kGrantIdPrefix);
  for (std::size_t i = 0; i < kGrantIdCharacters; ++i)
    id += kGrantIdAlphabet[static_cast<std::size_t>(rng() & 31U)];
  return id;
}

/// True for a text of the shape that make_grant_id() gives.
constexpr bool is_grant_id(std::string_view text) {
  return text.size() == kGrantIdPrefix.size() + kGrantIdCharacters &&
         text.starts_with(kGrantIdPrefix) &&
         text.find_first_not_of(kGrantIdAlphabet, kGrantIdPrefix.size()) == std::string_view::npos;
}

}  // namespace melon

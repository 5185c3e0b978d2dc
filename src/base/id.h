// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace melon {

/// A grant's id: "g-" and 12 characters of a-z and 2-7, so 60 random bits. `rng` is any uniform
/// random bit generator of at least 32 bits per call whose range starts at 0; the caller owns its
/// seed, so that tests are repeatable.
template <class Rng>
std::string make_grant_id(Rng& rng) {
  static_assert(Rng::min() == 0 && Rng::max() >= UINT32_MAX);
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  std::string id = "g-";
  for (int i = 0; i < 12; ++i) id += kAlphabet[static_cast<std::size_t>(rng() & 31U)];
  return id;
}

}  // namespace melon

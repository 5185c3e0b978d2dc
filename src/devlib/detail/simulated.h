// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cctype>
#include <string_view>

namespace melon::devlib::detail {

/// True when a device's or platform's name says that it is simulated, in any case of letters.
inline bool says_simulated(std::string_view name) {
  constexpr std::string_view kWord = "simulated";
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  return std::search(name.begin(), name.end(), kWord.begin(), kWord.end(), same) != name.end();
}

}  // namespace melon::devlib::detail

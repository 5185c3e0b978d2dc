// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "vendors/words.h"

namespace melon::vendors {

/// Whose rules decide where HAMi's differ from Melon's own (docs/hami-differences.md).
enum class Compatibility { kNone, kHami29, kHami210 };

constexpr bool is_compatible(Compatibility mode) { return mode != Compatibility::kNone; }

template <>
struct Words<Compatibility> {
  static constexpr std::string_view kWhat = "compatibility";
  static constexpr std::array kAll = {
      std::pair{Compatibility::kNone, std::string_view("none")},
      std::pair{Compatibility::kHami29, std::string_view("hami-2.9")},
      std::pair{Compatibility::kHami210, std::string_view("hami-2.10")}};
};

}  // namespace melon::vendors

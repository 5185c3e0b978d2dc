// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace melon::cli {

/// Which characters a terminal shows.
enum class Glyphs { kAscii, kUnicode };

/// The youngest `width` values (permille of the whole), one character each, padded on the left.
std::string sparkline(std::span<const std::int64_t> permille, std::size_t width, Glyphs glyphs);

/// A bar of `width` characters, filled to this part of it. Values outside 0 to 1000 are cut.
std::string bar(std::int64_t permille, std::size_t width, Glyphs glyphs);

/// The text in exactly `width` columns: padded on the right, or cut with a mark at its end.
std::string fit(const std::string& text, std::size_t width, Glyphs glyphs);
/// The same, padded on the left.
std::string fit_right(const std::string& text, std::size_t width, Glyphs glyphs);

}  // namespace melon::cli

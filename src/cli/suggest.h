// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace melon::cli {

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The known word that was probably meant: the nearest within a third of its length (at least one
/// edit), or the only one that starts with `word`.
std::optional<std::string> suggest(std::string_view word, std::span<const std::string> known);

}  // namespace melon::cli

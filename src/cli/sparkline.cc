// SPDX-License-Identifier: Apache-2.0
// Small drawings out of characters.
#include "cli/sparkline.h"

#include <algorithm>
#include <array>

#include "cli/table.h"

namespace melon::cli {
namespace {

constexpr std::int64_t kWhole = 1000;
constexpr std::array<const char*, 9> kUnicodeLevels = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<const char*, 9> kAsciiLevels = {" ", ".", ":", "-", "=", "+", "*", "#", "@"};

// Anything above nothing shows at least the lowest step.
std::size_t level(std::int64_t permille) {
  const std::int64_t cut = std::clamp<std::int64_t>(permille, 0, kWhole);
  return static_cast<std::size_t>((cut * 8 + kWhole - 1) / kWhole);
}

std::string cut(const std::string& text, std::size_t width, Glyphs glyphs) {
  std::string result;
  std::size_t used = 0;
  for (const char c : text) {
    const bool starts = (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
    if (starts && ++used > width - 1) break;
    result += c;
  }
  return result + (glyphs == Glyphs::kUnicode ? "…" : "~");
}

}  // namespace

std::string sparkline(std::span<const std::int64_t> permille, std::size_t width, Glyphs glyphs) {
  const auto& levels = glyphs == Glyphs::kUnicode ? kUnicodeLevels : kAsciiLevels;
  const auto shown = permille.last(std::min(width, permille.size()));
  std::string line(width - shown.size(), ' ');
  for (const std::int64_t value : shown) line += levels[level(value)];
  return line;
}

std::string bar(std::int64_t permille, std::size_t width, Glyphs glyphs) {
  const std::int64_t cut_value = std::clamp<std::int64_t>(permille, 0, kWhole);
  const auto filled = static_cast<std::size_t>(
      (cut_value * static_cast<std::int64_t>(width) + kWhole / 2) / kWhole);
  const bool unicode = glyphs == Glyphs::kUnicode;
  std::string line;
  for (std::size_t i = 0; i < width; ++i)
    line += i < filled ? (unicode ? "█" : "#") : (unicode ? "░" : ".");
  return line;
}

std::string fit(const std::string& text, std::size_t width, Glyphs glyphs) {
  const std::size_t taken = display_width(text);
  if (taken > width) return cut(text, width, glyphs);
  return text + std::string(width - taken, ' ');
}

std::string fit_right(const std::string& text, std::size_t width, Glyphs glyphs) {
  const std::size_t taken = display_width(text);
  if (taken > width) return cut(text, width, glyphs);
  return std::string(width - taken, ' ') + text;
}

}  // namespace melon::cli

// SPDX-License-Identifier: Apache-2.0
// Lays out tables for people.
#include "cli/table.h"

#include <algorithm>
#include <cctype>
#include <limits>

namespace melon::cli {
namespace {

std::string_view escape(Tone tone) {
  switch (tone) {
    case Tone::kGood:
      return "\x1b[32m";
    case Tone::kWarn:
      return "\x1b[33m";
    case Tone::kBad:
      return "\x1b[31m";
    case Tone::kDim:
      return "\x1b[2m";
    case Tone::kPlain:
      break;
  }
  return "";
}

std::vector<std::size_t> shown_columns(const Table& table, bool wide) {
  std::vector<std::size_t> shown;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (wide || !table.columns[i].wide_only) shown.push_back(i);
  }
  return shown;
}

std::vector<std::size_t> widths(const Table& table, bool headers) {
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    std::size_t width = headers ? display_width(table.columns[i].header) : 0;
    for (const auto& row : table.rows) width = std::max(width, display_width(row[i].text));
    result.push_back(width);
  }
  return result;
}

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 12;  // of a column that shrinks

std::size_t line_width(const std::vector<std::size_t>& shown,
                       const std::vector<std::size_t>& width) {
  std::size_t total = 0;
  for (const std::size_t i : shown) total += width[i] + (total > 0 ? kGap : 0);
  return total;
}

/// Takes as much of what is over as the columns that shrink can give.
std::size_t shrink(const Table& table, std::size_t over, const std::vector<std::size_t>& shown,
                   std::vector<std::size_t>& width) {
  for (const std::size_t i : shown) {
    if (!table.columns[i].shrinks || width[i] <= kNarrowest) continue;
    const std::size_t given = std::min(over, width[i] - kNarrowest);
    width[i] -= given;
    over -= given;
  }
  return over;
}

/// Takes the column that goes first out of those shown. False: none can go.
bool drop_one(const Table& table, std::vector<std::size_t>& shown) {
  const auto rank = [&table](std::size_t i) {
    const int spare = table.columns[i].spare;
    return spare == 0 ? std::numeric_limits<int>::max() : spare;
  };
  const auto first = std::ranges::min_element(shown, {}, rank);
  if (first == shown.end() || table.columns[*first].spare == 0) return false;
  shown.erase(first);
  return true;
}

/// Cuts cells, then drops columns, until a line fits; cells are cut no more than is needed then.
void make_fit(const Table& table, std::size_t columns, std::vector<std::size_t>& shown,
              std::vector<std::size_t>& width) {
  const std::vector<std::size_t> whole = width;
  while (true) {
    width = whole;
    const std::size_t needed = line_width(shown, width);
    if (needed <= columns || shrink(table, needed - columns, shown, width) == 0) return;
    if (!drop_one(table, shown)) return;
  }
}

/// The first characters of a text, with a sign that there were more.
std::string cut(const std::string& text, std::size_t width) {
  if (display_width(text) <= width) return text;
  std::size_t end = 0;
  for (std::size_t characters = 0; end < text.size(); ++end)
    if ((static_cast<unsigned char>(text[end]) & 0xc0U) != 0x80U && ++characters == width - 1)
      break;
  return text.substr(0, end) + "..";
}

void append_padded(std::string& line, const Cell& cell, std::size_t width, const Column& column,
                   bool color) {
  const std::string shown = cut(cell.text, width);
  const std::string padding(width - std::min(width, display_width(shown)), ' ');
  const std::string text = paint(printable(shown), cell.tone, color);
  line += column.right ? padding + text : text + padding;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? std::string("\"\"") : std::string(1, c);
  return field + '"';
}

std::string csv_line(const std::vector<std::string>& fields) {
  std::string line;
  for (const std::string& field : fields) line += csv_field(field) + ',';
  if (!line.empty()) line.back() = '\n';
  return line;
}

}  // namespace

std::string to_csv(const Table& table, bool headers) {
  std::string text;
  if (headers) {
    std::vector<std::string> names;
    for (const Column& column : table.columns) {
      names.push_back(column.header);
      std::ranges::transform(names.back(), names.back().begin(),
                             [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    }
    text += csv_line(names);
  }
  for (const auto& row : table.rows) {
    std::vector<std::string> fields;
    for (const Cell& cell : row) fields.push_back(cell.text);
    text += csv_line(fields);
  }
  return text;
}

std::string paint(std::string_view text, Tone tone, bool color) {
  const std::string_view start = color ? escape(tone) : "";
  std::string result(start);
  result += text;
  if (!start.empty()) result += "\x1b[0m";
  return result;
}

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

std::string printable(std::string_view text) {
  const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    // The controls U+0080 to U+009F in UTF-8: terminals heed them, too.
    const bool is_pair = at(i) == 0xc2 && i + 1 < text.size() && at(i + 1) < 0xa0;
    const bool is_control = is_pair || at(i) < 0x20 || at(i) == 0x7f;
    result += is_control ? '?' : text[i];
    if (is_pair) ++i;
  }
  return result;
}

std::string to_text(const Table& table, const TableStyle& style) {
  auto shown = shown_columns(table, style.wide);
  auto width = widths(table, style.headers);
  if (style.columns != 0 && !style.wide) make_fit(table, style.columns, shown, width);
  std::string text;
  const auto append_line = [&](const std::vector<Cell>& cells) {
    std::string line;
    for (const std::size_t i : shown) {
      if (!line.empty()) line += std::string(kGap, ' ');
      append_padded(line, cells[i], width[i], table.columns[i], style.color);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  };
  if (style.headers) {
    std::vector<Cell> headers;
    for (const Column& column : table.columns) headers.emplace_back(column.header);
    append_line(headers);
  }
  for (const auto& row : table.rows) append_line(row);
  return text;
}

}  // namespace melon::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace melon::cli {

enum class Tone { kPlain, kGood, kWarn, kBad, kDim };

/// One cell: text without line breaks, and how it is coloured where colour is shown.
struct Cell {
  std::string text;
  Tone tone = Tone::kPlain;
  // NOLINTBEGIN(google-explicit-constructor): cells are texts
  Cell(std::string t, Tone n = Tone::kPlain) : text(std::move(t)), tone(n) {}
  Cell(const char* t) : text(t) {}
  // NOLINTEND(google-explicit-constructor)
};

struct Column {
  std::string header;
  bool wide_only = false;
  bool right = false;    // numbers
  bool shrinks = false;  // its cells are cut where the line is too narrow
  int spare = 0;         // where that is not enough, columns go in this order; 0: never
};

/// Rows under headers, for people.
struct Table {
  std::vector<Column> columns = {};
  std::vector<std::vector<Cell>> rows = {};
};

struct TableStyle {
  bool headers = true;
  bool wide = false;
  bool color = false;
  std::size_t columns = 0;  // of a line; 0: as many as it takes. A wide table takes what it needs.
};

/// The table as lines: columns as wide as their widest cell, two spaces between, nothing trailing.
/// A line that is too long for `columns` loses what its columns can spare. Control characters in
/// cells are shown as '?', so that a name can not drive the terminal.
std::string to_text(const Table& table, const TableStyle& style);

/// The table as CSV (RFC 4180), all columns; headers as shown, in lower case.
std::string to_csv(const Table& table, bool headers);

/// The text in a tone's colour, or as it is.
std::string paint(std::string_view text, Tone tone, bool color);

/// Columns that the text takes on a terminal: UTF-8 characters, each counted as one.
std::size_t display_width(std::string_view text);

/// The text with control characters replaced by '?'.
std::string printable(std::string_view text);

}  // namespace melon::cli

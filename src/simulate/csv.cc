// SPDX-License-Identifier: Apache-2.0
// Reads tables of comma-separated values strictly, and says where they are wrong.
#include "simulate/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace melon::simulate {
namespace {

Error at(const std::string& file, std::size_t line, std::size_t column, std::string_view rule,
         std::string remedy) {
  return {Code::kInvalidArgument, fmt::format("{}:{}:{}: {}", file, line, column, rule),
          std::move(remedy)};
}

/// Reads records one by one.
class Reader {
 public:
  explicit Reader(const NamedText& source) : name_(source.name), rest_(source.text) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // spreadsheets write it
    if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
  }

  bool done() const { return rest_.empty(); }
  std::size_t line() const { return line_; }

  /// The next record's fields and the columns where they begin.
  Result<> next(std::vector<std::string>& fields, std::vector<std::size_t>& columns) {
    const std::size_t end = rest_.find('\n');
    std::string_view record = rest_.substr(0, end);
    rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
    ++line_;
    if (record.ends_with('\r')) record.remove_suffix(1);
    std::size_t position = 0;
    while (true) {
      columns.push_back(position + 1);
      MELON_TRY(std::string field, read_field(record, position));
      fields.push_back(std::move(field));
      if (position >= record.size()) return {};
      ++position;  // the comma
    }
  }

 private:
  Result<std::string> read_field(std::string_view record, std::size_t& position) const {
    if (position < record.size() && record[position] == '"') return read_quoted(record, position);
    const std::size_t end = std::min(record.find(',', position), record.size());
    const std::string_view field = record.substr(position, end - position);
    if (const std::size_t quote = field.find('"'); quote != std::string_view::npos)
      return tl::unexpected(at(name_, line_, position + quote + 1, "a quote inside a field",
                               "quote the whole field and double quotes inside it"));
    position = end;
    return std::string(field);
  }

  Result<std::string> read_quoted(std::string_view record, std::size_t& position) const {
    const std::size_t begin = position + 1;
    std::string field;
    for (std::size_t i = begin; i < record.size(); ++i) {
      if (record[i] != '"') {
        field += record[i];
      } else if (i + 1 < record.size() && record[i + 1] == '"') {
        field += '"';
        ++i;
      } else if (i + 1 == record.size() || record[i + 1] == ',') {
        position = i + 1;
        return field;
      } else {
        return tl::unexpected(at(name_, line_, i + 2, "text after a closing quote",
                                 "end the field with a comma, or double the quote"));
      }
    }
    return tl::unexpected(at(name_, line_, begin, "a quote that is not closed on its line",
                             "close it; a field can not go over several lines"));
  }

  std::string name_;
  std::string_view rest_;
  std::size_t line_ = 0;
};

}  // namespace

Result<Csv> Csv::read(const NamedText& source, const std::vector<std::string>& required) {
  Csv table;
  table.name_ = source.name;
  Reader reader(source);
  std::vector<std::size_t> columns;
  if (reader.done())
    return tl::unexpected(
        at(source.name, 1, 1, "the file is empty",
           fmt::format("its first line names the columns: {}", fmt::join(required, ","))));
  MELON_RETURN_IF_ERROR(reader.next(table.header_, columns));
  for (std::size_t i = 0; i < table.header_.size(); ++i)
    if (table.column(table.header_[i]) < i)
      return tl::unexpected(at(source.name, 1, columns[i],
                               fmt::format("the column '{}' is there twice", table.header_[i]),
                               "give every column a name of its own"));
  for (const std::string& name : required)
    if (!table.has(name))
      return tl::unexpected(
          at(source.name, 1, 1, fmt::format("there is no column '{}'", name),
             fmt::format("the first line must name {}; it names {}", fmt::join(required, ","),
                         fmt::join(table.header_, ","))));
  while (!reader.done()) {
    Row row;
    MELON_RETURN_IF_ERROR(reader.next(row.fields, row.columns));
    row.line = reader.line();
    if (row.fields.size() == 1 && row.fields.front().empty()) continue;
    if (row.fields.size() != table.header_.size())
      return tl::unexpected(at(
          source.name, row.line, row.columns.back(),
          fmt::format("{} fields, and the header has {}", row.fields.size(), table.header_.size()),
          "give every line as many fields as the header names"));
    table.rows_.push_back(std::move(row));
  }
  if (table.rows_.empty())
    return tl::unexpected(at(source.name, 1, 1, "nothing stands below the names of the columns",
                             "write a line for each of what it lists"));
  return table;
}

bool Csv::has(std::string_view column) const {
  return std::ranges::find(header_, column) != header_.end();
}

std::size_t Csv::column(std::string_view name) const {
  return static_cast<std::size_t>(std::ranges::find(header_, name) - header_.begin());
}

const std::string& Csv::text(std::size_t row, std::string_view name) const {
  return rows_.at(row).fields.at(column(name));
}

Error Csv::error_at(std::size_t row, std::string_view name, std::string_view rule,
                    std::string remedy) const {
  const Row& found = rows_.at(row);
  return at(name_, found.line, found.columns.at(column(name)),
            fmt::format("{} '{}': {}", name, text(row, name), rule), std::move(remedy));
}

Result<std::int64_t> Csv::number(std::size_t row, std::string_view name, std::int64_t least,
                                 std::int64_t most) const {
  const std::string& field = text(row, name);
  std::int64_t value = 0;
  const auto [end, reason] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (reason == std::errc::result_out_of_range ||
      (reason == std::errc() && (value < least || value > most)))
    return tl::unexpected(
        error_at(row, name, fmt::format("not within {} to {}", least, most), "correct the field"));
  if (reason != std::errc() || end != field.data() + field.size())
    return tl::unexpected(
        error_at(row, name, "not a whole number", "write digits only, without a unit"));
  return value;
}

}  // namespace melon::simulate

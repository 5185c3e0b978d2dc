// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace melon::simulate {

/// A text and what it is called in messages.
struct NamedText {
  std::string name;  // the file's path
  std::string_view text;
};

/// A table with a header, read strictly: RFC 4180, one record a line, as many fields as the header.
/// Messages name file:line:column, the rule and the remedy. Fields point into the text that was
/// read, which must live as long, except for quoted ones.
class Csv {
 public:
  /// Errors: kInvalidArgument for an empty text, a record with too few or too many fields, an open
  /// quote, or a column of `required` that the header does not have.
  static Result<Csv> read(const NamedText& source, const std::vector<std::string>& required);

  std::size_t rows() const { return rows_.size(); }
  bool has(std::string_view column) const;
  /// The field of a row; the column must exist.
  const std::string& text(std::size_t row, std::string_view column) const;
  /// The field as a whole number. Errors: kInvalidArgument when it is none, or not within bounds.
  Result<std::int64_t> number(std::size_t row, std::string_view column, std::int64_t least,
                              std::int64_t most) const;
  /// An error about a field, with its place.
  Error error_at(std::size_t row, std::string_view column, std::string_view rule,
                 std::string remedy) const;

 private:
  struct Row {
    std::size_t line = 0;
    std::vector<std::string> fields = {};
    std::vector<std::size_t> columns = {};  // where each field begins, from 1
  };
  std::size_t column(std::string_view name) const;

  std::string name_;
  std::vector<std::string> header_;
  std::vector<Row> rows_;
};

}  // namespace melon::simulate

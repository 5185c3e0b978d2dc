// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "cli/table.h"

namespace melon::cli {

/// JSON that keeps the order of its keys, so that documented shapes read as documented.
using Json = nlohmann::ordered_json;

enum class OutputFormat { kTable, kWide, kJson, kYaml, kCsv };

/// What every command works with: the daemon's socket and where output goes. Not thread-safe.
struct Session {
  std::string socket;             // path of the daemon's Unix socket
  std::string named_socket = {};  // the same when --socket or MELON_SOCKET named it, else empty
  OutputFormat format = OutputFormat::kTable;
  bool headers = true;
  bool color = false;         // standard output is a terminal that shows colour
  std::size_t columns = 100;  // of a line on that terminal, or where there is none
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;

  /// Prints the value as JSON or YAML, or the table, whichever was asked for. CSV has all columns.
  void print(const Table& table, const Json& value) const;
  /// True when -o asks for JSON or YAML.
  bool structured() const;
};

/// The message, and below it the remedy, as every command says what failed.
void print_error(std::ostream& err, const Error& error);

/// The socket that was named: `given` (--socket), else MELON_SOCKET, else empty.
std::string named_socket(const std::string& given);
/// The named one; else the caller's own daemon's when it is there, else the machine's.
std::string choose_socket(const std::string& named);

}  // namespace melon::cli

// SPDX-License-Identifier: Apache-2.0
// Output in the chosen format, and the choice of the socket.
#include "cli/session.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>

#include "agent/places.h"
#include "cli/yaml.h"

namespace melon::cli {

bool Session::structured() const {
  return format == OutputFormat::kJson || format == OutputFormat::kYaml;
}

void Session::print(const Table& table, const Json& value) const {
  switch (format) {
    case OutputFormat::kJson:
      *out << value.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
      return;
    case OutputFormat::kYaml:
      *out << to_yaml(value);
      return;
    case OutputFormat::kCsv:
      *out << to_csv(table, headers);
      return;
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      *out << to_text(table, {.headers = headers,
                              .wide = format == OutputFormat::kWide,
                              .color = color,
                              .columns = columns});
      return;
  }
}

namespace {

/// A text of several lines with other control characters as "\x1b": a file that is named in a
/// message says nothing to the terminal.
std::string escaped(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : '\0');
    const bool opens_control = c == 0xc2 && next >= 0x80 && next < 0xa0;  // UTF-8 of two bytes
    if (opens_control) {
      result += fmt::format("\\x{:02x}", next);
      ++i;
    } else if ((c < 0x20 && c != '\n') || c == 0x7f) {
      result += fmt::format("\\x{:02x}", c);
    } else {
      result += text[i];
    }
  }
  return result;
}

}  // namespace

void print_error(std::ostream& err, const Error& error) {
  err << "melon: " << escaped(error.message) << '\n';
  if (!error.remedy.empty()) err << "  remedy: " << escaped(error.remedy) << '\n';
}

std::string named_socket(const std::string& given) {
  if (!given.empty()) return given;
  const char* const named = std::getenv("MELON_SOCKET");
  return named != nullptr ? named : "";
}

std::string choose_socket(const std::string& named) {
  if (!named.empty()) return named;
  const auto machine = agent::places_of({}, {}, {.uid = 0});
  const auto own = agent::places_of({}, {}, agent::real_surroundings());
  std::error_code ignored;
  const bool has_own = own && std::filesystem::exists(own->socket, ignored);
  return has_own ? own->socket : machine->socket;
}

}  // namespace melon::cli

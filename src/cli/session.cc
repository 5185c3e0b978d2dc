// SPDX-License-Identifier: Apache-2.0
// Output in the chosen format, and the choice of the socket.
#include "cli/session.h"

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

void print_error(std::ostream& err, const Error& error) {
  err << "melon: " << error.message << '\n';
  if (!error.remedy.empty()) err << "  remedy: " << error.remedy << '\n';
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

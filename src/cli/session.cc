// SPDX-License-Identifier: Apache-2.0
// Output in the chosen format, and the choice of the socket.
#include "cli/session.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>

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
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      *out << to_text(table,
                      {.headers = headers, .wide = format == OutputFormat::kWide, .color = color});
      return;
  }
}

namespace {

constexpr const char* kMachineSocket = "/run/melon/melon.sock";

}  // namespace

std::string user_socket() {
  if (geteuid() == 0) return kMachineSocket;
  const char* const folder = std::getenv("XDG_RUNTIME_DIR");
  const std::string runtime =
      folder != nullptr && *folder != '\0' ? folder : "/run/user/" + std::to_string(geteuid());
  return runtime + "/melon/melon.sock";
}

std::string choose_socket(const std::string& given) {
  if (!given.empty()) return given;
  if (const char* const named = std::getenv("MELON_SOCKET"); named != nullptr && *named != '\0')
    return named;
  std::error_code ignored;
  const std::string own = user_socket();
  return std::filesystem::exists(own, ignored) ? own : kMachineSocket;
}

}  // namespace melon::cli

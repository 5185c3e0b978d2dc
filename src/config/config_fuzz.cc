// SPDX-License-Identifier: Apache-2.0
// Fuzzes the configuration parser: any text is refused with a place and a remedy, or is a
// configuration whose values can all be written.
#include <cstdint>
#include <cstdlib>

#include "config/daemon_config.h"
#include "config/keys.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = melon::config::parse_daemon_config(
      "fuzz.yaml", text, [](const std::string& name) -> std::optional<std::uint32_t> {
        return name.size() % 2 == 0 ? std::optional<std::uint32_t>(1000) : std::nullopt;
      });
  if (!config) {
    const bool has_place = config.error().message.starts_with("fuzz.yaml:");
    if (!has_place || config.error().remedy.empty()) std::abort();
    return 0;
  }
  for (const auto& key : melon::config::daemon_keys()) (void)key.write(*config);
  for (const auto& key : melon::config::limit_keys()) (void)key.write(config->limits_of(1000));
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Fuzzes the descriptor parser: any text is refused with a place and a remedy, or is a descriptor
// that keeps the rules.
#include <array>
#include <cstdint>
#include <cstdlib>

#include "config/descriptors.h"
#include "vendors/variables.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::array files = {
      melon::config::TextFile{"fuzz.yaml", std::string(reinterpret_cast<const char*>(data), size)}};
  const auto descriptors = melon::config::parse_descriptors(files);
  if (!descriptors) {
    const bool has_place = descriptors.error().message.starts_with("fuzz.yaml:");
    if (!has_place || descriptors.error().remedy.empty()) std::abort();
    return 0;
  }
  if (!melon::vendors::check(*descriptors).empty()) std::abort();
  if (!melon::vendors::environment_of(descriptors->front(), {})) std::abort();
  (void)melon::vendors::is_process_library(descriptors->front(), "/usr/lib/libx.so.1");
  return 0;
}

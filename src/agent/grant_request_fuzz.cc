// SPDX-License-Identifier: Apache-2.0
// Feeds arbitrary bytes to every reader of request bodies.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/requests.h"
#include "core/names.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace melon::agent;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (const auto request = parse_grant_request(body))
    if (!melon::core::check_request(request->wanted.request)) __builtin_trap();
  (void)parse_grant_change(body).has_value();
  (void)parse_process(body).has_value();
  (void)parse_exit(body).has_value();
  (void)parse_stop(body).has_value();
  (void)parse_shutdown(body).has_value();
  return 0;
}

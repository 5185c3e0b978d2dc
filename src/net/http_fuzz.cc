// SPDX-License-Identifier: Apache-2.0
// Foreign bytes in everything of HTTP that is our own code: targets, event streams, error bodies.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/error_body.h"
#include "net/event_text.h"
#include "net/target.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto target = melon::net::parse_target(text)) {
    require(target->path.starts_with('/') && target->path.find('\0') == std::string::npos);
    const auto again = melon::net::parse_target("/" + melon::net::percent_encode(target->path));
    require(again && again->path == "/" + target->path);
  }

  melon::net::EventReader whole;
  melon::net::EventReader halves;
  const auto events = whole.feed(text);
  auto parts = halves.feed(text.substr(0, size / 2));
  for (auto& event : halves.feed(text.substr(size / 2))) parts.push_back(event);
  require(events.size() == parts.size());

  melon::net::HttpResponse response;
  response.status = 400;
  response.body = text;
  const auto error = melon::net::to_error(response);
  require(melon::net::to_error(melon::net::error_response(error)).code == error.code);
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace melon::net {

/// An event as it stands in a text/event-stream, with the empty line that ends it. Line breaks in
/// id and type would forge fields and are dropped; those in data become several data lines.
std::string to_text(const Event& event);

/// Reads a text/event-stream that arrives in pieces cut anywhere. Not thread-safe.
class EventReader {
 public:
  /// The events that this piece completes. Comments and unknown fields are skipped.
  std::vector<Event> feed(std::string_view piece);

 private:
  void take_line(std::string_view line, std::vector<Event>& out);

  std::string line_;  // begun, its end not seen yet
  Event event_;
  bool has_data_ = false;
  bool after_return_ = false;  // "\r\n" is one line end even when cut in two
};

}  // namespace melon::net

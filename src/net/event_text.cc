// SPDX-License-Identifier: Apache-2.0
// Server-sent events, written and read.
#include "net/event_text.h"

#include <algorithm>
#include <utility>

namespace melon::net {
namespace {

std::string one_line(std::string text) {
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r' || c == '\0'; });
  return text;
}

}  // namespace

std::string to_text(const Event& event) {
  std::string out;
  if (!event.id.empty()) out += "id: " + one_line(event.id) + "\n";
  if (!event.type.empty()) out += "event: " + one_line(event.type) + "\n";
  std::string_view rest = event.data;
  while (true) {
    const auto end = rest.find('\n');
    out += "data: " + one_line(std::string(rest.substr(0, end))) + "\n";
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return out + "\n";
}

std::vector<Event> EventReader::feed(std::string_view piece) {
  std::vector<Event> out;
  for (const char c : piece) {
    const bool second_half = std::exchange(after_return_, c == '\r') && c == '\n';
    if (second_half) continue;
    if (c == '\n' || c == '\r') {
      take_line(line_, out);
      line_.clear();
    } else {
      line_.push_back(c);
    }
  }
  return out;
}

void EventReader::take_line(std::string_view line, std::vector<Event>& out) {
  if (line.empty()) {
    if (has_data_) out.push_back(event_);
    event_ = Event{};
    has_data_ = false;
    return;
  }
  const auto colon = line.find(':');
  const auto field = line.substr(0, colon);
  auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "id") event_.id = value;
  if (field == "event") event_.type = value;
  if (field == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  }
}

}  // namespace melon::net

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace melon::net {

/// Who is at the other end. Over a Unix socket the kernel says it (SO_PEERCRED); over TCP nobody.
struct Peer {
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;
  std::optional<int> pid;
};

struct HttpRequest {
  std::string method;                        // "GET"
  std::string path;                          // decoded, without the query: "/v1/grants/web-1"
  std::map<std::string, std::string> query;  // decoded
  std::string body = {};
  std::string content_type;
  std::string last_event_id;  // of a resuming event stream; empty otherwise
  Peer peer;
};

struct HttpResponse {
  int status = 200;
  std::string body = {};
  std::string content_type = "application/json";
  std::map<std::string, std::string> headers = {};  // beyond content type and length
};

/// One server-sent event.
struct Event {
  std::string id;
  std::string type;
  std::string data;  // one line of JSON
};

}  // namespace melon::net

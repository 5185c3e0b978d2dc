// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/result.h"
#include "net/http.h"

namespace melon::net {

/// A blocking HTTP client for one Unix socket. One connection per call. Not thread-safe.
class Client {
 public:
  explicit Client(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  /// Errors: kUnavailable when nobody answers or the answer breaks off. An HTTP error status is an
  /// answer, not an error.
  Result<HttpResponse> call(const std::string& method, const std::string& target,
                            const std::string& body = {},
                            std::chrono::seconds timeout = std::chrono::seconds(30)) const;

  /// Follows an event stream until `on_event` returns false or the server ends it.
  Result<> follow(const std::string& target, const std::function<bool(const Event&)>& on_event) const;

  const std::string& socket_path() const { return socket_path_; }

 private:
  std::string socket_path_;
};

}  // namespace melon::net

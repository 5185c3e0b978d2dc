// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "net/http.h"

namespace melon::net {

struct FollowOptions {
  std::string last_event_id = {};      // resume after this one
  std::function<bool()> on_idle = {};  // called about twice a second; false ends the following
};

/// A blocking HTTP client for one Unix socket. One connection per call. Not thread-safe.
class Client {
 public:
  explicit Client(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  /// Errors: kUnavailable when nobody answers, the answer breaks off or takes longer than the
  /// timeout; kPermissionDenied when the socket is another user's. An HTTP error status is an
  /// answer, not an error.
  Result<HttpResponse> call(const std::string& method, const std::string& target,
                            const std::string& body = {},
                            std::chrono::seconds timeout = std::chrono::seconds(30)) const;

  /// Follows an event stream until `on_event` returns false or the server ends it. Errors: as
  /// call(); an HTTP error status is an error here, as to_error() reads it.
  Result<> follow(const std::string& target, const std::function<bool(const Event&)>& on_event,
                  const FollowOptions& options = {}) const;

  /// The process that listens on the socket, also if it does not answer; empty: none does, or it
  /// cannot be told (another container's).
  std::optional<int> listener_pid() const;

  const std::string& socket_path() const { return socket_path_; }

 private:
  std::string socket_path_;
};

}  // namespace melon::net

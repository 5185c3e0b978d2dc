// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "base/result.h"
#include "net/http.h"

namespace melon::net {

/// The other side of an open event stream. Any thread may push; a slow client whose backlog passes
/// the bound is disconnected rather than remembered.
class EventSink {
 public:
  virtual ~EventSink() = default;
  /// False once the client is gone: drop the sink.
  virtual bool push(const Event& event) = 0;
};

/// What a handler answers: a response, or "keep this connection as an event stream", in which case
/// the callback gets the sink.
using EventStream = std::function<void(std::shared_ptr<EventSink>)>;
using Answer = std::variant<HttpResponse, EventStream>;

/// Runs on the server's single thread: must not block for long.
using Handler = std::function<Answer(const HttpRequest&)>;

struct ServerOptions {
  std::size_t max_body_bytes = 1 << 20;       // larger: 413
  std::chrono::seconds read_timeout{10};      // a client that dribbles its request: 408
  std::size_t max_connections = 512;          // the next waits in the listen queue
  std::size_t max_event_backlog = 1024;
};

/// An HTTP/1.1 server on Unix sockets and TCP, one asio thread. The only user of Beast with Client.
class Server {
 public:
  explicit Server(ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens on a Unix socket with these permissions. A socket file that nobody answers on is
  /// replaced; one that answers is refused. Errors: kAlreadyExists (a daemon answers there),
  /// kPermissionDenied, kUnavailable.
  Result<> listen_unix(const std::string& path, unsigned mode, Handler handler);
  /// Listens on "127.0.0.1:9400" or "[::1]:0"; returns the port. Errors: kInvalidArgument,
  /// kUnavailable.
  Result<int> listen_tcp(const std::string& address, Handler handler);

  /// Calls `tick` on the server's thread at every interval, first after one interval.
  void every(std::chrono::milliseconds interval, std::function<void()> tick);
  /// Runs `task` on the server's thread soon. Thread-safe.
  void post(std::function<void()> task);
  /// Serves until stop(); then drains open responses for at most 5 s. stop() is thread-safe.
  void run();
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace melon::net

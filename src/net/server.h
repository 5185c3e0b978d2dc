// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

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

/// Runs on the server's single thread: must not block for long. What it throws becomes a 500.
using Handler = std::function<Answer(const HttpRequest&)>;

struct ServerOptions {
  std::size_t max_body_bytes = 1 << 20;            // larger: 413
  std::chrono::milliseconds read_timeout{10'000};  // a client that dribbles its request: 408
  std::chrono::milliseconds idle_timeout{60'000};  // a kept connection without a next request
  std::chrono::milliseconds drain_timeout{5'000};  // after stop()
  /// Connections at once; lowered to what the process may open. When reached, the longest silent
  /// connection that waits for its request makes room; if none does, the next waits in the listen
  /// queue.
  std::size_t max_connections = 2048;
  /// Of one Unix user (root is free), so that nobody shuts the others out: his own silent ones make
  /// room, else 503.
  std::size_t max_connections_per_user = 1024;
  std::size_t max_event_backlog = 1024;  // events not yet taken by a stream's client
};

/// An HTTP/1.1 server on Unix sockets and TCP, one asio thread. The only user of Beast with Client.
class Server {
 public:
  explicit Server(ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens on a Unix socket with these permissions. A socket file that nobody answers on is
  /// replaced; one that answers is refused. Before run(). Errors: kAlreadyExists (the message names
  /// who answers there), kInvalidArgument (path too long), kFailedPrecondition (no socket has that
  /// name), kPermissionDenied, kUnavailable.
  Result<> listen_unix(const std::string& path, unsigned mode, Handler handler);
  /// Listens on "127.0.0.1:9400" or "[::1]:0"; returns the port. Errors: kInvalidArgument,
  /// kUnavailable.
  Result<int> listen_tcp(const std::string& address, Handler handler);

  /// Calls `tick` on the server's thread at every interval, first after one interval; intervals
  /// that were missed are left out. Before run() or on the server's thread.
  void every(std::chrono::milliseconds interval, std::function<void()> tick);
  /// Runs `task` on the server's thread soon. Thread-safe.
  void post(std::function<void()> task);
  /// Calls `action` on the server's thread when one of these signals comes; they no longer end the
  /// process. Before run().
  void on_signals(const std::vector<int>& signals, const std::function<void(int)>& action);
  /// Serves until stop(); then drains open responses for at most drain_timeout. stop() is
  /// thread-safe.
  void run();
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace melon::net

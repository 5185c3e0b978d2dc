// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>

#include "net/server.h"

namespace melon::net::detail {

using Socket = boost::asio::generic::stream_protocol::socket;

/// One accepted connection, on the server's thread only.
///
///   waiting -> reading -> writing -> waiting ... | streaming     and from each: closed
///
///  C1  a timer bounds every state but streaming, and there the backlog of the mailbox does.
///  C2  on_closed is called exactly once, from the event loop and never from inside a call.
class Connection {
 public:
  enum class State { kWaiting, kReading, kWriting, kStreaming, kClosed };

  /// What a connection needs of its server; outlives it.
  struct Setting {
    const ServerOptions* options;
    const Handler* handler;
    const bool* stopping;
    Peer peer;
    std::function<void()> on_closed;
  };

  static std::shared_ptr<Connection> make(Socket socket, Setting setting);
  virtual ~Connection() = default;
  virtual void start() = 0;
  /// Answers at once without reading, and closes.
  virtual void refuse(const HttpResponse& response) = 0;
  /// The server stops: a waiting connection is closed, a stream ended, an answer finished first.
  virtual void wind_down() = 0;
  virtual void close() = 0;
  virtual State state() const = 0;
};

}  // namespace melon::net::detail

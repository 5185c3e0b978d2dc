// SPDX-License-Identifier: Apache-2.0
// The blocking client: one connection, one request, one answer or one event stream.
#include "net/client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>
#include <cstring>
#include <optional>

#include "net/error_body.h"
#include "net/event_text.h"
#include "os/descriptor.h"

namespace melon::net {
namespace {

namespace http = boost::beast::http;
using Parser = http::response_parser<http::string_body>;
using Clock = std::chrono::steady_clock;
using boost::system::error_code;

constexpr std::uint64_t kMaxAnswerBytes = 256 << 20;
constexpr std::chrono::milliseconds kIdleInterval{500};

tl::unexpected<Error> no_daemon(const std::string& path, const std::string& why) {
  return fail(
      Code::kUnavailable, fmt::format("no daemon answers at '{}': {}", path, why),
      "start one with: melon up --detach, or name its socket with --socket or MELON_SOCKET");
}

tl::unexpected<Error> broke_off(const std::string& path, std::string_view why) {
  return fail(Code::kUnavailable, fmt::format("the daemon at '{}' {}", path, why),
              "its log says more; if it has stopped, start it with: melon up --detach");
}

tl::unexpected<Error> too_late(const std::string& path) {
  return fail(Code::kUnavailable, fmt::format("the daemon at '{}' did not answer in time", path),
              "see what is wrong with it: melon doctor");
}

Result<os::Descriptor> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail(Code::kInvalidArgument,
                fmt::format("socket path '{}' has {} bytes, the kernel takes 1 to {}", path,
                            path.size(), sizeof address.sun_path - 1));
  path.copy(address.sun_path, path.size());
  os::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return no_daemon(path, std::strerror(errno));
  const auto* const raw = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(socket.number(), raw, sizeof address) == 0) return socket;
  const int cause = errno;
  if (cause == EACCES || cause == EPERM)
    return fail(Code::kPermissionDenied,
                fmt::format("socket '{}' belongs to another user's daemon", path),
                "use your own daemon (melon up), or name another socket with MELON_SOCKET");
  return no_daemon(path, cause == ENOENT ? "there is no such socket" : std::strerror(cause));
}

enum class Readiness { kReady, kNotYet };

/// Waits until the socket can be read or written, at most until `when`.
Readiness await(int socket, short events, Clock::time_point when) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - Clock::now()).count();
    pollfd entry{socket, events, 0};
    const int ready =
        ::poll(&entry, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000)));
    if (ready > 0) return Readiness::kReady;
    if (ready == 0) return Readiness::kNotYet;
    if (errno != EINTR) return Readiness::kReady;  // the next call on the socket tells why
  }
}

/// Sends what the server takes. That it stops taking is no error yet: it may have answered.
void send_all(int socket, std::string_view text, Clock::time_point deadline) {
  while (!text.empty() && await(socket, POLLOUT, deadline) == Readiness::kReady) {
    const auto sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EINTR && errno != EAGAIN) return;
    if (sent > 0) text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

/// Feeds a parser from a socket.
class Reader {
 public:
  Reader(int socket, Parser& parser) : socket_(socket), parser_(parser) {}

  /// Reads once; call when the socket is ready. What went wrong, or nothing.
  std::optional<std::string> read_some() {
    std::array<char, 16 << 10> piece;
    const auto got = ::recv(socket_, piece.data(), piece.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return std::nullopt;
    if (got < 0) return fmt::format("broke off: {}", std::strerror(errno));
    error_code error;
    if (got == 0) {
      // An end before the first byte would count as a whole, empty answer.
      if (parser_.got_some()) parser_.put_eof(error);
      if (error || !parser_.is_done()) return "closed the connection before its answer was whole";
      return std::nullopt;
    }
    pending_.append(piece.data(), static_cast<std::size_t>(got));
    return parse();
  }

 private:
  std::optional<std::string> parse() {
    while (!pending_.empty() && !parser_.is_done()) {
      error_code error;
      const auto used = parser_.put(boost::asio::buffer(pending_), error);
      pending_.erase(0, used);
      if (error == http::error::need_more) break;
      if (error) return "answered what is not HTTP: " + error.message();
    }
    return std::nullopt;
  }

  int socket_;
  Parser& parser_;
  std::string pending_;
};

std::string request_text(const std::string& method, const std::string& target,
                         const std::string& headers, const std::string& body) {
  std::string out = fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}",
                                method, target, headers);
  if (!body.empty())
    out += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", body.size());
  return out + "\r\n" + body;
}

HttpResponse to_response(const Parser::value_type& message) {
  HttpResponse response;
  response.status = static_cast<int>(message.result_int());
  response.body = message.body();
  response.content_type = std::string(message[http::field::content_type]);
  for (const auto& field : message)
    response.headers[std::string(field.name_string())] = std::string(field.value());
  return response;
}

/// Reads until `enough` says so. `on_idle` (may be empty) is asked now and then while nothing
/// comes; success means that one of them ended it.
// NOLINTNEXTLINE(readability-function-size): two of them are only for messages and idling
Result<> read_until(Reader& reader, int socket, const std::string& path, Clock::time_point deadline,
                    const std::function<bool()>& enough, const std::function<bool()>& on_idle) {
  while (!enough()) {
    const auto slice = on_idle ? std::min(deadline, Clock::now() + kIdleInterval) : deadline;
    if (await(socket, POLLIN, slice) == Readiness::kReady) {
      if (const auto trouble = reader.read_some()) return broke_off(path, *trouble);
    } else if (on_idle && !on_idle()) {
      return {};
    } else if (Clock::now() >= deadline) {
      return too_late(path);
    }
  }
  return {};
}

}  // namespace

std::optional<int> Client::listener_pid() const {
  const auto socket = connect_to(socket_path_);
  ucred peer{};
  socklen_t size = sizeof peer;
  if (!socket || ::getsockopt(socket->number(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return std::nullopt;
  return peer.pid > 0 ? std::optional<int>(peer.pid) : std::nullopt;
}

Result<HttpResponse> Client::call(const std::string& method, const std::string& target,
                                  const std::string& body, std::chrono::seconds timeout) const {
  const auto deadline = Clock::now() + timeout;
  MELON_TRY(const auto socket, connect_to(socket_path_));
  send_all(socket.number(), request_text(method, target, "", body), deadline);
  Parser parser;
  parser.body_limit(kMaxAnswerBytes);
  if (method == "HEAD") parser.skip(true);
  Reader reader(socket.number(), parser);
  MELON_RETURN_IF_ERROR(read_until(
      reader, socket.number(), socket_path_, deadline, [&parser] { return parser.is_done(); },
      nullptr));
  return to_response(parser.get());
}

Result<> Client::follow(const std::string& target,
                        const std::function<bool(const Event&)>& on_event,
                        const FollowOptions& options) const {
  MELON_TRY(const auto socket, connect_to(socket_path_));
  std::string headers = "Accept: text/event-stream\r\n";
  if (!options.last_event_id.empty()) headers += "Last-Event-ID: " + options.last_event_id + "\r\n";
  const auto answer_deadline = Clock::now() + std::chrono::seconds(30);
  send_all(socket.number(), request_text("GET", target, headers, ""), answer_deadline);

  Parser parser;
  parser.body_limit(boost::none);
  EventReader events;
  bool wanted = true;
  // A function object by itself: the parser keeps a reference.
  auto on_chunk = [&](std::uint64_t, auto piece, error_code&) {
    if (parser.get().result() == http::status::ok)
      for (const Event& event : events.feed({piece.data(), piece.size()}))
        wanted = wanted && on_event(event);
    return piece.size();
  };
  parser.on_chunk_body(on_chunk);

  Reader reader(socket.number(), parser);
  const auto head_done = [&] { return parser.is_header_done(); };
  const auto over = [&] { return !wanted || parser.is_done(); };
  MELON_RETURN_IF_ERROR(
      read_until(reader, socket.number(), socket_path_, answer_deadline, head_done, nullptr));
  const bool streams = parser.get().result() == http::status::ok;
  const auto deadline = streams ? Clock::time_point::max() : answer_deadline;
  MELON_RETURN_IF_ERROR(read_until(reader, socket.number(), socket_path_, deadline, over,
                                   streams ? options.on_idle : nullptr));
  if (!streams) return tl::unexpected<Error>(to_error(to_response(parser.get())));
  return {};
}

}  // namespace melon::net

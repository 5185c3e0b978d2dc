// SPDX-License-Identifier: Apache-2.0
// The life of one HTTP connection: requests in, answers or an event stream out.
#include "net/detail/connection.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "net/detail/mailbox.h"
#include "net/error_body.h"
#include "net/target.h"

namespace melon::net::detail {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using std::chrono::milliseconds;

constexpr std::uint32_t kMaxHeaderBytes = 16 << 10;
constexpr milliseconds kKeepAlive{15'000};  // a comment in silent streams, so that dead peers show
constexpr milliseconds kLinger{2'000};      // for a refused client to read why
constexpr std::size_t kMaxLingerBytes = 64 << 20;

enum class After { kKeep, kClose };

/// `framing` is the header line that tells where the body ends; empty: where the connection does.
std::string head_text(const HttpResponse& response, std::string_view framing, After after) {
  std::string out = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\n{}Connection: {}\r\n", response.status,
      std::string_view(http::obsolete_reason(static_cast<http::status>(response.status))),
      response.content_type, framing, after == After::kKeep ? "keep-alive" : "close");
  for (const auto& [name, value] : response.headers) out += name + ": " + value + "\r\n";
  return out + "\r\n";
}

HttpResponse refusal(int status, std::string message, std::string remedy) {
  return error_response(status, {Code::kInvalidArgument, std::move(message), std::move(remedy)});
}

/// What a request that Beast could not take is answered.
HttpResponse answer_to(const error_code& error, const ServerOptions& options) {
  if (error == http::error::body_limit)
    return refusal(413, fmt::format("the body is larger than {} bytes", options.max_body_bytes),
                   "send less in one request");
  if (error == http::error::header_limit)
    return refusal(431, fmt::format("the head is larger than {} bytes", kMaxHeaderBytes),
                   "send fewer or shorter header fields");
  return refusal(400, "malformed HTTP request: " + error.message(), "send HTTP/1.1");
}

class HttpConnection final : public Connection,
                             public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(Socket socket, Setting setting)
      : socket_(std::move(socket)), timer_(socket_.get_executor()), setting_(std::move(setting)) {}

  void start() override { await_request(setting_.options->read_timeout); }

  void refuse(const HttpResponse& response) override { respond(response, After::kClose); }

  void wind_down() override {
    if (state_ == State::kWaiting) close();
    if (state_ == State::kStreaming) end_stream();
  }

  void close() override {
    if (std::exchange(state_, State::kClosed) == State::kClosed) return;
    if (mailbox_) mailbox_->shut();
    timer_.cancel();
    error_code ignored;
    socket_.close(ignored);
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->setting_.on_closed(); });
  }

  State state() const override { return state_; }

 private:
  // --- time: one timer; a newer arm() makes older expiries void.
  void arm(milliseconds limit) {
    timer_.expires_after(limit);
    timer_.async_wait([self = shared_from_this(), armed = ++armed_](error_code error) {
      if (!error && armed == self->armed_) self->on_expiry();
    });
  }

  void on_expiry() {
    const bool owes_request = state_ == State::kReading || (state_ == State::kWaiting && first_);
    if (state_ == State::kStreaming) return keep_stream_alive();
    if (!owes_request) return close();
    ++reads_void_;  // the pending read, which cancel() ends, has nothing to say any more
    error_code ignored;
    socket_.cancel(ignored);
    respond(refusal(408,
                    fmt::format("no whole request within {} ms",
                                setting_.options->read_timeout.count()),
                    "send the request without pauses"),
            After::kClose);
  }

  /// A completion handler that does nothing once the connection has moved on.
  template <class Next>
  auto guarded(Next next) {
    return [self = shared_from_this(), at = reads_void_, next](error_code error, auto&&...) {
      if (self->state_ != State::kClosed && at == self->reads_void_) next(*self, error);
    };
  }

  // --- waiting and reading
  void await_request(milliseconds limit) {
    state_ = State::kWaiting;
    if (*setting_.stopping) return close();
    if (buffer_.size() > 0) return read_head();
    arm(limit);
    socket_.async_wait(Socket::wait_read, guarded([](HttpConnection& self, error_code error) {
                         error ? self.close() : self.read_head();
                       }));
  }

  void read_head() {
    state_ = State::kReading;
    first_ = false;
    parser_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    parser_->body_limit(setting_.options->max_body_bytes);
    arm(setting_.options->read_timeout);
    http::async_read_header(
        socket_, buffer_, *parser_,
        guarded([](HttpConnection& self, error_code error) { self.on_head(error); }));
  }

  void on_head(error_code error) {
    if (error) return fail_read(error);
    const bool expects = boost::beast::iequals(parser_->get()[http::field::expect], "100-continue");
    if (!expects) return read_body();
    out_ = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(socket_, asio::buffer(out_),
                      guarded([](HttpConnection& self, error_code failed) {
                        failed ? self.close() : self.read_body();
                      }));
  }

  void read_body() {
    http::async_read(socket_, buffer_, *parser_,
                     guarded([](HttpConnection& self, error_code error) {
                       error ? self.fail_read(error) : self.dispatch();
                     }));
  }

  void fail_read(error_code error) {
    const bool malformed =
        error.category() == http::make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message;
    if (!malformed) return close();
    respond(answer_to(error, *setting_.options), After::kClose);
  }

  // --- answering
  void dispatch() {
    auto message = parser_->release();
    parser_.reset();
    version_ = message.version();
    head_only_ = message.method() == http::verb::head;
    const After after = message.keep_alive() && !*setting_.stopping ? After::kKeep : After::kClose;
    const auto target = message.target();
    auto parsed = parse_target({target.data(), target.size()});
    if (!parsed) return respond(error_response(parsed.error()), after);

    HttpRequest request;
    request.method = std::string(message.method_string());
    request.path = std::move(parsed->path);
    request.query = std::move(parsed->query);
    request.content_type = std::string(message[http::field::content_type]);
    request.last_event_id = std::string(message["Last-Event-ID"]);
    request.body = std::move(message.body());
    request.peer = setting_.peer;
    answer(ask_handler(request), after);
  }

  Answer ask_handler(const HttpRequest& request) const {
    try {
      return (*setting_.handler)(request);
    } catch (const std::exception& defect) {
      return error_response({Code::kInternal,
                             fmt::format("{} {}: {}", request.method, request.path, defect.what()),
                             "this is a defect of the daemon: report it with the daemon's log"});
    }
  }

  void answer(Answer given, After after) {
    if (auto* const response = std::get_if<HttpResponse>(&given)) return respond(*response, after);
    begin_stream(std::get<EventStream>(given));
  }

  void respond(const HttpResponse& response, After after) {
    state_ = State::kWriting;
    out_ = head_text(response, fmt::format("Content-Length: {}\r\n", response.body.size()), after);
    if (!head_only_) out_ += response.body;
    arm(setting_.options->read_timeout);
    asio::async_write(socket_, asio::buffer(out_),
                      guarded([after](HttpConnection& self, error_code error) {
                        if (error) return self.close();
                        self.out_ = {};
                        if (after == After::kClose) return self.linger();
                        self.buffer_.shrink_to_fit();
                        self.await_request(self.setting_.options->idle_timeout);
                      }));
  }

  /// Reads on for a while after the last answer: closing with unread input would destroy it on
  /// its way to the client.
  void linger() {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    arm(kLinger);
    discard();
  }

  void discard() {
    socket_.async_read_some(asio::buffer(scrap_),
                            [self = shared_from_this()](error_code error, std::size_t got) {
                              if (self->state_ == State::kClosed) return;
                              self->discarded_ += got;
                              if (error || self->discarded_ > kMaxLingerBytes) return self->close();
                              self->discard();
                            });
  }

  // --- streaming
  void begin_stream(const EventStream& subscribe) {
    state_ = State::kStreaming;
    HttpResponse head;
    head.content_type = "text/event-stream";
    head.headers["Cache-Control"] = "no-store";
    out_ = head_text(head, chunked() ? "Transfer-Encoding: chunked\r\n" : "", After::kClose);
    auto executor = socket_.get_executor();
    mailbox_ = std::make_shared<Mailbox>(setting_.options->max_event_backlog,
                                         [weak = weak_from_this(), executor] {
                                           asio::post(executor, [weak] {
                                             if (const auto self = weak.lock()) self->flush();
                                           });
                                         });
    write_stream();
    discard();  // nothing is expected; the end of input is the client's leaving
    arm(kKeepAlive);
    subscribe(mailbox_);
  }

  bool chunked() const { return version_ >= 11; }

  void append(std::string_view text) {
    if (text.empty()) return;
    if (chunked())
      out_ += fmt::format("{:x}\r\n{}\r\n", text.size(), text);
    else
      out_ += text;
  }

  void flush() {
    if (state_ != State::kStreaming || writing_) return;
    const auto text = mailbox_->take();
    if (!text) return close();
    append(*text);
    if (ending_ && std::exchange(chunked_open_, false) && chunked()) out_ += "0\r\n\r\n";
    if (!out_.empty()) return write_stream();
    if (ending_) close();
  }

  void write_stream() {
    writing_ = true;
    asio::async_write(socket_, asio::buffer(out_),
                      guarded([](HttpConnection& self, error_code error) {
                        self.writing_ = false;
                        self.out_.clear();
                        error ? self.close() : self.flush();
                      }));
  }

  void keep_stream_alive() {
    arm(kKeepAlive);
    if (writing_) return;
    append(": still here\n\n");
    write_stream();
  }

  void end_stream() {
    mailbox_->shut();
    ending_ = true;
    flush();
  }

  Socket socket_;
  asio::steady_timer timer_;
  Setting setting_;
  State state_ = State::kWaiting;
  bool first_ = true;  // no byte has come yet
  unsigned armed_ = 0;
  unsigned reads_void_ = 0;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::string out_;
  std::array<char, 256> scrap_{};
  std::size_t discarded_ = 0;
  unsigned version_ = 11;
  bool head_only_ = false;  // the request was HEAD: the answer has no body

  std::shared_ptr<Mailbox> mailbox_;
  bool writing_ = false;
  bool ending_ = false;
  bool chunked_open_ = true;
};

}  // namespace

std::shared_ptr<Connection> Connection::make(Socket socket, Setting setting) {
  return std::make_shared<HttpConnection>(std::move(socket), std::move(setting));
}

}  // namespace melon::net::detail

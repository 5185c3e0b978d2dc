// SPDX-License-Identifier: Apache-2.0
// The server: accepts connections within their bounds, owns the event loop and its timers.
#include "net/server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <list>
#include <map>

#include "net/detail/connection.h"
#include "net/error_body.h"
#include "net/listening.h"

namespace melon::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using detail::Connection;

constexpr rlim_t kOtherDescriptors = 128;  // the database, probes, ledgers: not for connections
constexpr std::chrono::milliseconds kRetryAccept{100};

/// Raises the soft limit of open files to the hard one and says how many connections that allows.
std::size_t allowed_connections(std::size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  const rlim_t needed = wanted + kOtherDescriptors;
  if (limit.rlim_cur < needed) {
    limit.rlim_cur = std::min(needed, limit.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  const rlim_t room = limit.rlim_cur > 2 * kOtherDescriptors ? limit.rlim_cur - kOtherDescriptors
                                                             : limit.rlim_cur / 2;
  return std::min<std::size_t>(wanted, room);
}

struct Ticker {
  asio::steady_timer timer;
  std::chrono::milliseconds interval;
  std::function<void()> tick;
};

struct Listener {
  asio::posix::stream_descriptor waiter;  // its own descriptor of the socket
  std::optional<UnixListener> unix_socket;
  Handler handler;
  bool paused = false;
};

bool somebody_waits(int listening) {
  pollfd entry{listening, POLLIN, 0};
  return ::poll(&entry, 1, 0) > 0;
}

Peer peer_of(int descriptor) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid == 0)
    return {};
  return {peer.uid, peer.gid, peer.pid};
}

}  // namespace

/// Invariants:
///  S1  at most `bound` connections are open, and a batch of closed ones still in `connections`.
///  S2  everything here is touched by the thread in run() alone, or before run().
struct Server::State {
  explicit State(ServerOptions given)
      : options(given), bound(allowed_connections(given.max_connections)) {}

  ServerOptions options;
  std::size_t bound;
  asio::io_context loop{1};
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(loop);
  std::list<Listener> listeners;
  std::list<std::shared_ptr<Ticker>> tickers;
  std::optional<asio::signal_set> signals;
  asio::steady_timer drain_timer{loop};
  std::list<std::shared_ptr<Connection>> connections;  // oldest first
  std::map<std::uint32_t, std::list<Connection*>> of_user;
  bool stopping = false;

  void add_listener(int descriptor, std::optional<UnixListener> owner, Handler handler);
  void accept_on(Listener& listener);
  void accept_waiting(Listener& listener);
  void accept_later(Listener& listener);
  void admit(Listener& listener, int descriptor);
  void resume_accepting();
  bool make_room(const std::list<Connection*>& among);
  bool make_room();
  void arm(const std::shared_ptr<Ticker>& ticker, std::chrono::steady_clock::time_point when);
  void await_signal(const std::function<void(int)>& action);
  void begin_stop();
};

void Server::State::arm(const std::shared_ptr<Ticker>& ticker,
                        std::chrono::steady_clock::time_point when) {
  ticker->timer.expires_at(when);
  ticker->timer.async_wait([this, ticker, when](error_code error) {
    // Cancelling does not reach a wait that is over already and only stands in the loop's queue.
    if (error || stopping) return;
    ticker->tick();
    if (stopping) return;
    const auto now = std::chrono::steady_clock::now();
    arm(ticker, std::max(when + ticker->interval, now));
  });
}

void Server::State::add_listener(int descriptor, std::optional<UnixListener> owner,
                                 Handler handler) {
  listeners.push_back(
      {asio::posix::stream_descriptor(loop, descriptor), std::move(owner), std::move(handler)});
  accept_on(listeners.back());
}

void Server::State::accept_on(Listener& listener) {
  listener.waiter.async_wait(asio::posix::stream_descriptor::wait_read,
                             [this, &listener](error_code error) {
                               if (!error && !stopping) accept_waiting(listener);
                             });
}

/// True when accepting can succeed later, once somebody has closed or freed something.
static bool lacks_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

/// Accepts a bounded batch, so that a flood of connections does not starve those that are there.
void Server::State::accept_waiting(Listener& listener) {
  for (int batch = 0; batch < 64; ++batch) {
    if (connections.size() >= bound) {
      if (!somebody_waits(listener.waiter.native_handle())) break;
      if (!make_room()) {
        listener.paused = true;  // resume_accepting() goes on
        return;
      }
    }
    const int descriptor =
        ::accept4(listener.waiter.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor >= 0) {
      admit(listener, descriptor);
    } else if (errno == EAGAIN) {
      break;
    } else if (lacks_resources(errno)) {
      accept_later(listener);
      return;
    }
  }
  accept_on(listener);
}

void Server::State::accept_later(Listener& listener) {
  auto timer = std::make_shared<asio::steady_timer>(loop, kRetryAccept);
  timer->async_wait([this, timer, &listener](error_code) {
    if (!stopping) accept_on(listener);
  });
}

void Server::State::admit(Listener& listener, int descriptor) {
  const Peer peer = peer_of(descriptor);
  detail::Socket socket(loop);
  error_code failed;
  socket.assign({listener.unix_socket ? AF_UNIX : AF_INET, 0}, descriptor, failed);
  if (failed) return;
  const bool counted = peer.uid && *peer.uid != 0;
  bool welcome = true;
  if (counted) {
    const auto& theirs = of_user[*peer.uid];
    welcome = theirs.size() < options.max_connections_per_user || make_room(theirs);
  }
  const auto at = connections.insert(connections.end(), nullptr);
  Connection::Setting setting{&options, &listener.handler, &stopping, peer, nullptr};
  setting.on_closed = [this, at, peer, counted] {
    if (counted) {
      auto& theirs = of_user[*peer.uid];
      theirs.remove(at->get());
      if (theirs.empty()) of_user.erase(*peer.uid);
    }
    connections.erase(at);
    if (stopping && connections.empty()) loop.stop();
    resume_accepting();
  };
  *at = Connection::make(std::move(socket), std::move(setting));
  if (counted) of_user[*peer.uid].push_back(at->get());
  if (welcome) return (*at)->start();
  (*at)->refuse(error_response({Code::kUnavailable,
                                fmt::format("user {} has {} connections open, which is the limit",
                                            *peer.uid, options.max_connections_per_user),
                                "close some of them"}));
}

/// Closes the oldest connection that owes a request. It leaves the list a little later, so the
/// bound may be passed by those in between, never by more than one batch.
bool Server::State::make_room(const std::list<Connection*>& among) {
  const auto silent = std::ranges::find_if(among, [](const Connection* c) {
    return c->state() == Connection::State::kWaiting || c->state() == Connection::State::kReading;
  });
  if (silent == among.end()) return false;
  (*silent)->close();
  return true;
}

bool Server::State::make_room() {
  const auto silent = std::ranges::find_if(connections, [](const auto& c) {
    return c->state() == Connection::State::kWaiting || c->state() == Connection::State::kReading;
  });
  if (silent == connections.end()) return false;
  (*silent)->close();
  return true;
}

void Server::State::resume_accepting() {
  for (Listener& listener : listeners)
    if (!stopping && std::exchange(listener.paused, false)) accept_on(listener);
}

void Server::State::await_signal(const std::function<void(int)>& action) {
  signals->async_wait([this, action](error_code error, int signal) {
    if (error) return;
    action(signal);
    await_signal(action);
  });
}

void Server::State::begin_stop() {
  if (std::exchange(stopping, true)) return;
  for (Listener& listener : listeners) {  // handlers stay: connections go on using them
    error_code ignored;
    listener.waiter.close(ignored);
    listener.unix_socket.reset();
  }
  for (const auto& ticker : tickers) ticker->timer.cancel();
  if (signals) signals->cancel();
  const auto open = connections;  // closing changes the list
  for (const auto& connection : open) connection->wind_down();
  work.reset();
  // Not left to the loop's running out of work: whatever still waits must not hold the end up.
  if (connections.empty()) return loop.stop();
  drain_timer.expires_after(options.drain_timeout);
  drain_timer.async_wait([this](error_code error) {
    if (!error) loop.stop();
  });
}

Server::Server(ServerOptions options) : state_(std::make_unique<State>(options)) {}

Server::~Server() {
  for (const auto& connection : state_->connections) connection->close();  // shuts event sinks
}

Result<> Server::listen_unix(const std::string& path, unsigned mode, Handler handler) {
  MELON_TRY(auto listener, UnixListener::open(path, mode));
  const int waited_on = ::fcntl(listener.number(), F_DUPFD_CLOEXEC, 0);
  if (waited_on < 0)
    return fail(Code::kUnavailable,
                fmt::format("cannot listen on '{}': too many open files", path));
  state_->add_listener(waited_on, std::move(listener), std::move(handler));
  return {};
}

Result<int> Server::listen_tcp(const std::string& address, Handler handler) {
  MELON_TRY(auto listener, TcpListener::open(address));
  state_->add_listener(listener.socket.release(), std::nullopt, std::move(handler));
  return listener.port;
}

void Server::every(std::chrono::milliseconds interval, std::function<void()> tick) {
  auto ticker =
      std::make_shared<Ticker>(Ticker{asio::steady_timer(state_->loop), interval, std::move(tick)});
  state_->tickers.push_back(ticker);
  state_->arm(ticker, std::chrono::steady_clock::now() + interval);
}

void Server::post(std::function<void()> task) { asio::post(state_->loop, std::move(task)); }

void Server::on_signals(const std::vector<int>& signals, const std::function<void(int)>& action) {
  state_->signals.emplace(state_->loop);
  for (const int signal : signals) state_->signals->add(signal);
  state_->await_signal(action);
}

void Server::run() { state_->loop.run(); }

void Server::stop() {
  asio::post(state_->loop, [state = state_.get()] { state->begin_stop(); });
}

}  // namespace melon::net

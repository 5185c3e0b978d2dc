// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "net/client.h"
#include "net/server.h"
#include "os/descriptor.h"

namespace melon::net {

/// A folder of its own for one test, removed with it.
class TestFolder {
 public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "melon-net-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// A server with one handler on a Unix socket, running on its own thread until destroyed.
class RunningServer {
 public:
  RunningServer(const std::string& path, ServerOptions options, Handler handler,
                unsigned mode = 0600)
      : server_(options) {
    const auto listening = server_.listen_unix(path, mode, std::move(handler));
    EXPECT_TRUE(listening) << (listening ? "" : listening.error().message);
    thread_ = std::thread([this] { server_.run(); });
  }
  ~RunningServer() { stop(); }
  void stop() {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }
  Server& operator*() { return server_; }

 private:
  Server server_;
  std::thread thread_;
};

/// A connection that speaks raw bytes, for what no well-behaved client sends.
class RawClient {
 public:
  explicit RawClient(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    EXPECT_EQ(::connect(socket_.number(), reinterpret_cast<sockaddr*>(&address), sizeof address),
              0);
  }
  void send(std::string_view text) const {
    while (!text.empty()) {
      const auto sent = ::send(socket_.number(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  /// All that comes until `until` was seen or the other side closes; gives up after 20 s.
  std::string receive(std::string_view until = {}) const {
    std::string all;
    char piece[4096];
    while (until.empty() || all.find(until) == std::string::npos) {
      pollfd entry{socket_.number(), POLLIN, 0};
      if (::poll(&entry, 1, 20'000) <= 0) return all + "<silence>";
      const auto got = ::recv(socket_.number(), piece, sizeof piece, 0);
      if (got <= 0) return all;
      all.append(piece, static_cast<std::size_t>(got));
    }
    return all;
  }
  int number() const { return socket_.number(); }

 private:
  os::Descriptor socket_;
};

}  // namespace melon::net

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "os/descriptor.h"

namespace melon::net {

/// A listening Unix socket and the lock file beside it, which settles who may replace a socket
/// file that nobody answers on. Removes its socket file (if it is still its own) when destroyed;
/// the lock file stays, because removing it would let two daemons lock different files.
class UnixListener {
 public:
  /// Errors: kAlreadyExists naming who answers there, kInvalidArgument for a path that is too
  /// long, kFailedPrecondition when something else than a socket has that name,
  /// kPermissionDenied, kUnavailable.
  static Result<UnixListener> open(const std::string& path, unsigned mode);

  UnixListener(UnixListener&&) noexcept = default;
  UnixListener& operator=(UnixListener&&) = delete;
  ~UnixListener();

  int number() const { return socket_.number(); }

 private:
  UnixListener() = default;

  std::string path_;
  unsigned long inode_ = 0;
  os::Descriptor lock_;
  os::Descriptor socket_;
};

/// A listening TCP socket and the port that it got.
struct TcpListener {
  os::Descriptor socket;
  int port = 0;

  /// "127.0.0.1:9400", "[::1]:0". Errors: kInvalidArgument, kPermissionDenied, kUnavailable.
  static Result<TcpListener> open(const std::string& address);
};

}  // namespace melon::net

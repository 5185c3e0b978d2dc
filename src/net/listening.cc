// SPDX-License-Identifier: Apache-2.0
// Opens listening sockets: who owns a Unix socket's name, with which permissions.
#include "net/listening.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

#include "os/process_files.h"

namespace melon::net {
namespace {

constexpr std::string_view kOtherSocket =
    "name another socket with --socket, or stop that daemon with: melon down";

tl::unexpected<Error> system_error(std::string_view what, const std::string& name) {
  const int cause = errno;
  const bool denied = cause == EACCES || cause == EPERM || cause == EROFS;
  return fail(denied ? Code::kPermissionDenied : Code::kUnavailable,
              fmt::format("cannot {} '{}': {}", what, name, std::strerror(cause)),
              denied ? "choose a folder that this user may write" : "");
}

std::string describe(pid_t pid, uid_t uid) {
  return fmt::format("process {} ({}) of user {}", pid, os::process_command(pid), uid);
}

/// Refuses when somebody answers at the address; success when the name is free or stale.
Result<> check_unanswered(const sockaddr_un& address, const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return system_error("look at socket", path);
  }
  if (!S_ISSOCK(status.st_mode))
    return fail(Code::kFailedPrecondition,
                fmt::format("cannot listen on '{}': it exists and is not a socket", path),
                "remove it, or name another socket with --socket");
  const os::Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return system_error("make a socket for", path);
  const int failed =
      ::connect(probe.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (failed != 0 && errno == ECONNREFUSED) return {};
  if (failed != 0 && errno != EAGAIN) return system_error("reach the owner of socket", path);
  ucred owner{};  // of a connecting socket: who called listen()
  socklen_t size = sizeof owner;
  const bool known =
      failed == 0 && ::getsockopt(probe.number(), SOL_SOCKET, SO_PEERCRED, &owner, &size) == 0;
  return fail(Code::kAlreadyExists,
              fmt::format("cannot listen on '{}': {} answers there", path,
                          known ? describe(owner.pid, owner.uid) : "a busy process"),
              std::string(kOtherSocket));
}

Result<os::Descriptor> lock_name(const std::string& path) {
  const std::string name = path + ".lock";
  os::Descriptor lock(
      ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!lock) return system_error("open lock file", name);
  if (::flock(lock.number(), LOCK_EX | LOCK_NB) != 0) {
    const auto holder = os::read_file(name, 32).value_or("");
    return fail(Code::kAlreadyExists,
                fmt::format("cannot listen on '{}': process {} holds '{}'", path, holder, name),
                std::string(kOtherSocket));
  }
  const std::string self = std::to_string(::getpid());
  if (::ftruncate(lock.number(), 0) != 0 ||
      ::pwrite(lock.number(), self.data(), self.size(), 0) < 0)
    return system_error("write lock file", name);
  return lock;
}

Result<int> parse_port(std::string_view text) {
  int port = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failed != std::errc{} || end != text.data() + text.size() || port < 0 || port > 65535)
    return fail(Code::kInvalidArgument, fmt::format("port '{}' is not 0 to 65535", text));
  return port;
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Result<SocketAddress> parse_address(const std::string& text) {
  const auto bad = [&text](std::string_view why) {
    return fail(Code::kInvalidArgument, fmt::format("TCP address '{}': {}", text, why),
                "write a numeric address and a port, such as 127.0.0.1:9400 or [::1]:9400");
  };
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return bad("no port");
  const auto port = parse_port(std::string_view(text).substr(colon + 1));
  if (!port) return bad(port.error().message);
  std::string host = text.substr(0, colon);
  SocketAddress out;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    auto* const v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<std::uint16_t>(*port));
    out.size = sizeof *v6;
    if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) != 1) return bad("no IPv6 address");
  } else {
    auto* const v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<std::uint16_t>(*port));
    out.size = sizeof *v4;
    if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) != 1) return bad("no IPv4 address");
  }
  return out;
}

int port_of(const sockaddr_storage& storage) {
  return ntohs(storage.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

}  // namespace

Result<UnixListener> UnixListener::open(const std::string& path, unsigned mode) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail(Code::kInvalidArgument,
                fmt::format("socket path '{}' has {} bytes, the kernel takes 1 to {}", path,
                            path.size(), sizeof address.sun_path - 1),
                "name a shorter path with --socket");
  path.copy(address.sun_path, path.size());

  UnixListener listener;
  MELON_TRY(listener.lock_, lock_name(path));
  MELON_RETURN_IF_ERROR(check_unanswered(address, path));
  listener.socket_ =
      os::Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.socket_) return system_error("make a socket for", path);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_error("replace stale", path);
  if (::bind(listener.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return system_error("bind", path);
  listener.path_ = path;
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) listener.inode_ = status.st_ino;
  // Nobody can connect before listen(), so the umask's permissions are never seen.
  if (::chmod(path.c_str(), mode) != 0) return system_error("set permissions of", path);
  if (::listen(listener.number(), SOMAXCONN) != 0) return system_error("listen on", path);
  return listener;
}

UnixListener::~UnixListener() {
  struct stat status {};
  if (path_.empty() || !socket_) return;
  if (::lstat(path_.c_str(), &status) == 0 && status.st_ino == inode_) ::unlink(path_.c_str());
}

Result<TcpListener> TcpListener::open(const std::string& text) {
  MELON_TRY(auto address, parse_address(text));
  auto* const raw = reinterpret_cast<sockaddr*>(&address.storage);
  TcpListener listener;
  listener.socket = os::Descriptor(
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.socket) return system_error("make a socket for", text);
  const int on = 1;
  ::setsockopt(listener.socket.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listener.socket.number(), raw, address.size) != 0) return system_error("bind", text);
  if (::listen(listener.socket.number(), SOMAXCONN) != 0) return system_error("listen on", text);
  if (::getsockname(listener.socket.number(), raw, &address.size) != 0)
    return system_error("learn the port of", text);
  listener.port = port_of(address.storage);
  return listener;
}

}  // namespace melon::net

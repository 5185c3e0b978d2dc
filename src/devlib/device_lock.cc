// SPDX-License-Identifier: Apache-2.0
// One file per device, locked by the daemon that slices it.
#include "devlib/device_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

#include "base/shell_word.h"
#include "os/process_files.h"

namespace melon::devlib {
namespace {

constexpr mode_t kOpenToAll = 01777;  // sticky: only who made a file may remove it

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

tl::unexpected<Error> no_lock_file(const std::string& path) {
  struct stat status {};
  const bool ours = ::lstat(path.c_str(), &status) == 0 && status.st_uid == ::geteuid();
  return fail(Code::kPermissionDenied,
              fmt::format("'{}' should be a device lock and is a link or no regular file", path),
              fmt::format("{}rm -f {}", ours ? "" : "sudo ", shell_word(path)));
}

tl::unexpected<Error> system_error(std::string_view what, const std::string& name) {
  const int cause = errno;
  const bool denied = cause == EACCES || cause == EPERM || cause == EROFS;
  return fail(denied ? Code::kPermissionDenied : Code::kUnavailable,
              fmt::format("cannot {} '{}': {}", what, name, std::strerror(cause)),
              denied ? "sudo chmod 1777 " + shell_word(folder_of(name)) : "melon doctor");
}

constexpr std::string_view kOtherFolder =
    "melon down  # then name another lock_folder in the daemon's configuration, the same for all "
    "daemons of this machine, and start it again";

/// Whatever lacks of the folder's path, who may make it, and what clears that.
tl::unexpected<Error> no_folder(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path nearest = folder;  // what is there of its path
  while (nearest.has_relative_path() && !fs::exists(fs::symlink_status(nearest, error)))
    nearest = nearest.parent_path();
  const std::string no_locks = fmt::format("no device locks can be kept in '{}': ", folder);
  if (!fs::is_directory(nearest, error))
    return fail(Code::kUnavailable, fmt::format("{}'{}' is no folder", no_locks, nearest.string()),
                std::string(kOtherFolder));
  const bool writable = ::faccessat(AT_FDCWD, nearest.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
  if (!writable && errno == EROFS)
    return fail(Code::kUnavailable,
                fmt::format("{}'{}' is on a read-only file system", no_locks, nearest.string()),
                std::string(kOtherFolder));
  return fail(
      Code::kUnavailable,
      fmt::format("{}it is not there, and only '{}' is of its path", no_locks, nearest.string()),
      fmt::format("{}mkdir -p -m {:o} {}", writable ? "" : "sudo ", kOpenToAll,
                  shell_word(folder)));
}

/// FNV-1a. Spreads names; two devices of one name would only be locked together.
std::uint64_t hash(std::string_view text) {
  std::uint64_t value = 0xcbf29ce484222325;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return value;
}

bool is_folder(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_root() { return ::geteuid() == 0; }

/// Makes the folder, open to every user's daemon like /tmp. Root's daemon takes it over from a user
/// who was first: its owner could remove other users' locks, or put something else in its place.
void prepare_folder(const std::string& folder) {
  struct stat status {};
  const bool there = ::lstat(folder.c_str(), &status) == 0;
  if (there && is_root() && !S_ISDIR(status.st_mode) && status.st_uid != 0)
    ::unlink(folder.c_str());
  if (::mkdir(folder.c_str(), 0700) == 0) {
    ::chmod(folder.c_str(), kOpenToAll);
    return;
  }
  if (!is_root()) return;
  const os::Descriptor found(
      ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!found || ::fstat(found.number(), &status) != 0 || status.st_uid == 0) return;
  if (::fchown(found.number(), 0, 0) == 0) ::fchmod(found.number(), kOpenToAll);
}

/// Root's daemon owns the file that it locks, so that no user can remove it and lock another of the
/// same name. False: this is no file to lock, but a link to something else or a pipe.
bool take_over(const os::Descriptor& file) {
  struct stat status {};
  if (::fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink > 1)
    return false;
  if (is_root() && status.st_uid != 0) return ::fchown(file.number(), 0, 0) == 0;
  return true;
}

constexpr int kLockFlags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

/// The file that is there. Empty, and errno says why, when there is none or it is none to lock.
os::Descriptor open_existing(const std::string& path) {
  for (const int access : {O_RDWR, O_RDONLY}) {
    os::Descriptor found(::open(path.c_str(), access | kLockFlags));
    if (found && take_over(found)) return found;
    if (found) errno = ELOOP;
  }
  return {};
}

os::Descriptor make_new(const std::string& path) {
  os::Descriptor made(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | kLockFlags, 0666));
  if (made) ::fchmod(made.number(), 0666);  // the next holder, maybe another user, writes his name
  return made;
}

/// Opens what is there before making it: in a sticky folder the kernel refuses O_CREAT on another
/// user's file.
os::Descriptor open_lock_file(const std::string& path) {
  constexpr int kAttempts = 8;  // others make and remove it meanwhile
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (os::Descriptor found = open_existing(path)) return found;
    if (errno == ELOOP && is_root() && ::unlink(path.c_str()) == 0) errno = ENOENT;
    if (errno != ENOENT) break;
    if (os::Descriptor made = make_new(path)) return made;
    if (errno != EEXIST) break;
  }
  return {};
}

/// True while the path still names the file that was locked: its owner may have replaced it since.
bool is_still_at(const std::string& path, const os::Descriptor& file) {
  struct stat there {};
  struct stat held {};
  return ::lstat(path.c_str(), &there) == 0 && ::fstat(file.number(), &held) == 0 &&
         there.st_dev == held.st_dev && there.st_ino == held.st_ino;
}

/// The process that the kernel says holds the lock: what stands in the file, others may write. 0
/// when it does not tell (another container's).
int holder_of(const os::Descriptor& file) {
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) return 0;
  std::ifstream locks("/proc/locks");  // "1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF"
  const std::string inode = fmt::format(":{}", status.st_ino);
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number, kind, advisory, mode, pid, place;
    words >> number >> kind >> advisory >> mode >> pid >> place;
    if (kind == "FLOCK" && place.ends_with(inode)) return std::atoi(pid.c_str());
  }
  return 0;
}

/// The command that ends the holder; only its own user and root may.
std::string end_of(int holder) {
  if (holder <= 0) return "melon down";
  struct stat process {};
  const bool ours = ::stat(fmt::format("/proc/{}", holder).c_str(), &process) == 0 &&
                    process.st_uid == ::geteuid();
  return fmt::format("{}kill {}", ours || is_root() ? "" : "sudo ", holder);
}

std::string describe_holder(const std::string& path) {
  const auto text = os::read_file(path, 4096).value_or("");
  const auto space = text.find(' ');
  if (space == std::string::npos) return "another process";
  const std::string pid = text.substr(0, space);
  const auto line_end = text.find('\n', space);
  return fmt::format("process {} with state folder '{}'", pid,
                     text.substr(space + 1, line_end - space - 1));
}

}  // namespace

Result<DeviceLock> DeviceLock::take(const std::string& folder, const std::string& device_key,
                                    const std::string& state_folder) {
  prepare_folder(folder);
  const std::string path = fmt::format("{}/{:016x}.lock", folder, hash(device_key));
  os::Descriptor file = open_lock_file(path);
  if (!file && errno == ELOOP) return no_lock_file(path);
  if (!file && !is_folder(folder)) return no_folder(folder);
  if (!file) return system_error("open device lock", path);
  if (::flock(file.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_error("lock device by", path);
    return fail(Code::kAlreadyExists,
                fmt::format("device '{}' is held by {}", device_key, describe_holder(path)),
                end_of(holder_of(file)));
  }
  if (!is_still_at(path, file))
    return fail(Code::kUnavailable, fmt::format("device lock '{}' was replaced just now", path),
                "melon doctor  # the daemon tries again by itself");
  const std::string holder = fmt::format("{} {}\n{}\n", ::getpid(), state_folder, device_key);
  // For people only: a holder who may not write here still holds the lock.
  if (::ftruncate(file.number(), 0) == 0)
    static_cast<void>(::pwrite(file.number(), holder.data(), holder.size(), 0) != 0);
  return DeviceLock(std::move(file));
}

}  // namespace melon::devlib

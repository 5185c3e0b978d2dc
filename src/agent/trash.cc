// SPDX-License-Identifier: Apache-2.0
// Takes folders apart from the top, in a thread of its own.
#include "agent/trash.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <string_view>

namespace melon::agent {
namespace {

constexpr mode_t kMine = 0700;
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;

using Stream = std::unique_ptr<DIR, int (*)(DIR*)>;

Stream list(int folder) {
  const int again = ::openat(folder, ".", kFolderFlags);
  Stream stream(again < 0 ? nullptr : ::fdopendir(again), ::closedir);
  if (!stream && again >= 0) ::close(again);
  return stream;
}

/// The next name in a folder other than the folder's own; nullptr: there is none.
const char* next_name(DIR* stream) {
  while (const dirent* const entry = ::readdir(stream)) {  // NOLINT: this stream is ours alone
    const std::string_view name(entry->d_name);
    if (name != "." && name != "..") return entry->d_name;
  }
  return nullptr;
}

/// A user's own daemon meets folders that he closed to himself; root's does not care.
void open_up(int parent, const char* name) {
  struct stat status {};
  if (::geteuid() == 0 || ::fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (S_ISDIR(status.st_mode)) ::fchmodat(parent, name, kMine, 0);
}

}  // namespace

Result<std::unique_ptr<Trash>> Trash::open(const std::filesystem::path& folder) {
  const bool made = ::mkdir(folder.c_str(), kMine) == 0 || errno == EEXIST;
  os::Descriptor opened(made ? ::open(folder.c_str(), kFolderFlags) : -1);
  if (!opened || ::fchmod(opened.number(), kMine) != 0)
    return fail(errno == EACCES || errno == EPERM ? Code::kPermissionDenied : Code::kUnavailable,
                fmt::format("cannot use folder '{}': {}", folder.string(), std::strerror(errno)),
                "make it a folder of the daemon's user, or choose another state folder: --state "
                "DIR");
  return std::unique_ptr<Trash>(new Trash(std::move(opened)));
}

Trash::Trash(os::Descriptor folder)
    : folder_(std::move(folder)),
      // Names are never used twice, also by the next daemon.
      next_(
          static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count())),
      thread_([this] { run(); }) {}

Trash::~Trash() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool Trash::put(const std::filesystem::path& path) {
  const bool taken = bring_up(AT_FDCWD, path.c_str());
  {
    const std::lock_guard lock(mutex_);
    ++puts_;
  }
  changed_.notify_all();
  return taken;
}

bool Trash::bring_up(int parent, const char* name) {
  std::string fresh;
  {
    const std::lock_guard lock(mutex_);
    fresh = std::to_string(next_++);
  }
  return ::renameat(parent, name, folder_.number(), fresh.c_str()) == 0;
}

bool Trash::is_ending() {
  const std::lock_guard lock(mutex_);
  return ending_;
}

void Trash::run() {
  std::uint64_t seen = 0;
  while (true) {
    while (empty_once()) {
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ending_ || puts_ != seen; });
    if (ending_) return;
    seen = puts_;
  }
}

/// Looks at every entry once. False: nothing could be removed, or it is time to end.
bool Trash::empty_once() {
  const Stream entries = list(folder_.number());
  bool removed = false;
  while (entries && !is_ending()) {
    const char* const name = next_name(entries.get());
    if (name == nullptr) return removed;
    removed = take_apart(name) || removed;
  }
  return false;
}

/// Removes an entry of the trash: files at once; what a folder has of folders is brought up to the
/// trash itself, so that nothing is ever deeper than one level.
bool Trash::take_apart(const char* name) {
  open_up(folder_.number(), name);
  const os::Descriptor folder(::openat(folder_.number(), name, kFolderFlags));
  if (folder) {
    const Stream entries = list(folder.number());
    bool changed = false;
    while (entries && !is_ending()) {
      const char* const inner = next_name(entries.get());
      if (inner == nullptr) break;
      changed = remove_entry(folder.number(), inner) || changed;
    }
    return ::unlinkat(folder_.number(), name, AT_REMOVEDIR) == 0 || changed;
  }
  return ::unlinkat(folder_.number(), name, 0) == 0;
}

bool Trash::remove_entry(int parent, const char* name) {
  if (::unlinkat(parent, name, 0) == 0) return true;
  if (errno != EISDIR && errno != EPERM) return false;
  open_up(parent, name);
  return ::unlinkat(parent, name, AT_REMOVEDIR) == 0 || bring_up(parent, name);
}

}  // namespace melon::agent

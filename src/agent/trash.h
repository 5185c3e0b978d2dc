// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>

#include "base/result.h"
#include "os/descriptor.h"

namespace melon::agent {

/// Removes folders that others filled, however full or deep they are, without keeping the caller
/// waiting: they are renamed into a folder of the daemon's and removed there by a thread of its
/// own.
///
///  T1  nothing outside of what was put in is touched: no link is followed, and no way leads up
///  from
///      a folder, which its owner could have moved meanwhile.
///  T2  depth costs neither memory nor descriptors: what is nested is brought to the top first.
///  T3  what a daemon could not finish, the next one does.
/// Thread-safe.
class Trash {
 public:
  /// Makes the folder, open to nobody else, and starts on what is in it. Errors: kUnavailable,
  /// kPermissionDenied.
  static Result<std::unique_ptr<Trash>> open(const std::filesystem::path& folder);
  /// Ends at once; what is left is for the next daemon.
  ~Trash();
  Trash(const Trash&) = delete;
  Trash& operator=(const Trash&) = delete;

  /// Takes a file or folder of the same file system; its name is free at the return. False: it
  /// stays, because it cannot be renamed.
  bool put(const std::filesystem::path& path);

 private:
  explicit Trash(os::Descriptor folder);
  void run();
  bool empty_once();
  bool take_apart(const char* name);
  bool remove_entry(int parent, const char* name);
  bool bring_up(int parent, const char* name);
  bool is_ending();

  os::Descriptor folder_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t next_ = 0;  // the name of the next entry; under mutex_
  std::uint64_t puts_ = 0;  // under mutex_
  bool ending_ = false;     // under mutex_
  std::thread thread_;      // last: it uses all of the above
};

}  // namespace melon::agent

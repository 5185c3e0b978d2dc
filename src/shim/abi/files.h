// SPDX-License-Identifier: Apache-2.0
#pragma once

// Creates and opens the shared files of region.h. Functions return 0 or an errno value; nothing
// throws or prints. Thread-safe.

#include <cstdint>

#include "shim/abi/region.h"

namespace melon::abi {

/// Who owns a file that the daemon creates for a tenant.
struct FileOwner {
  std::uint32_t uid;
  std::uint32_t gid;
};

/// Creates the file with all of its space taken, so that a full file system is met here (ENOSPC)
/// and not as SIGBUS in a tenant; it appears at `path` whole, owned and with its final mode, and
/// replaces what was there. A death in between leaves at most "<path>.new".
int create_ledger(const char* path, const char* grant, FileOwner owner);  // 0600
int create_policy(const char* path, const Policy& policy);                // 0444
int create_arena_index(const char* path, const ArenaIndex& index);        // 0444
int create_arena_page(const char* path, FileOwner owner);                 // 0644

enum class Access { kRead, kReadWrite };

/// A file in memory. Closing the descriptor is the holder's; for a ledger it carries the lock of
/// its slot and stays open. Plain data: close_region() gives it back.
struct Region {
  void* address = nullptr;
  std::uint64_t bytes = 0;  // of the mapping
  int fd = -1;
};

/// Maps a regular file of at least `bytes` bytes; fewer: EINVAL. Never follows a symbolic link at
/// the end of the path (ELOOP) and never blocks on a pipe. Says nothing of the content:
/// is_usable().
int open_region(const char* path, std::uint64_t bytes, Access access, Region& out);
void close_region(Region& region);

/// What an arena page says, taken by pread: its owner may truncate or fill it as it likes.
struct ArenaView {
  std::uint64_t virtual_time, entitled_until, wants_until, busy_until;
};
/// False: not a page of this version.
bool read_arena_page(int fd, ArenaView& out);

}  // namespace melon::abi

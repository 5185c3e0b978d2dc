// SPDX-License-Identifier: Apache-2.0
// Files of the shared memory: created whole, opened with suspicion.

#include "shim/abi/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/abi/fault_point.h"
#include "shim/abi/publish.h"

namespace melon::abi {
namespace {

constexpr std::size_t kPathBytes = 4096;

struct Header {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t bytes;
};

/// What every created file has in common.
struct Plan {
  const char* path;
  std::uint64_t magic;
  std::uint64_t bytes;
  unsigned mode;
  const FileOwner* owner;  // nullptr: whoever creates it
};

int give_away(int fd, const FileOwner& owner) {
  if (owner.uid == geteuid() && owner.gid == getegid()) return 0;
  return fchown(fd, owner.uid, owner.gid) == 0 ? 0 : errno;
}

/// Space, header, content, mode and owner, in this order: until the last the file is the daemon's.
template <class Fill>
int prepare(int fd, const Plan& plan, Fill fill) {
  if (const int failed = posix_fallocate(fd, 0, static_cast<off_t>(plan.bytes))) return failed;
  void* const at = mmap(nullptr, plan.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return errno;
  const Header header{plan.magic, kVersion, static_cast<std::uint32_t>(plan.bytes)};
  memcpy(at, &header, sizeof header);
  fill(at);
  munmap(at, plan.bytes);
  if (fchmod(fd, plan.mode) != 0) return errno;
  return plan.owner == nullptr ? 0 : give_away(fd, *plan.owner);
}

template <class Fill>
int create(const Plan& plan, Fill fill) {
  char fresh[kPathBytes];
  const int length = snprintf(fresh, sizeof fresh, "%s.new", plan.path);
  if (length < 0 || static_cast<std::size_t>(length) >= sizeof fresh) return ENAMETOOLONG;
  if (unlink(fresh) != 0 && errno != ENOENT) return errno;
  const int fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return errno;
  int failed = prepare(fd, plan, fill);
  close(fd);
  MELON_FAULT_POINT("create.before");
  if (failed == 0 && rename(fresh, plan.path) != 0) failed = errno;
  if (failed != 0) unlink(fresh);
  return failed;
}

/// The size of a regular file, or -1 with errno. By seeking: the symbol fstat is newer than the
/// oldest libc that tenants have.
off_t size_of(int fd) { return lseek(fd, 0, SEEK_END); }

int map_region(int fd, std::uint64_t bytes, Access access, Region& out) {
  const off_t size = size_of(fd);
  if (size < 0) return errno;
  if (static_cast<std::uint64_t>(size) < bytes || bytes == 0) return EINVAL;
  const int protection = access == Access::kRead ? PROT_READ : PROT_READ | PROT_WRITE;
  void* const at = mmap(nullptr, bytes, protection, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return errno;
  out = {at, bytes, fd};
  return 0;
}

}  // namespace

int create_ledger(const char* path, const char* grant, FileOwner owner) {
  if (strlen(grant) >= kIdBytes) return ENAMETOOLONG;
  return create({path, kLedgerMagic, sizeof(LedgerFile), 0600, &owner}, [grant](void* at) {
    strncpy(static_cast<LedgerFile*>(at)->grant, grant, kIdBytes - 1);
  });
}

int create_policy(const char* path, const Policy& policy) {
  return create({path, kPolicyMagic, sizeof(PolicyFile), 0444, nullptr},
                [&policy](void* at) { publish(*static_cast<PolicyFile*>(at), policy); });
}

int create_arena_index(const char* path, const ArenaIndex& index) {
  return create({path, kArenaMagic, sizeof(ArenaIndexFile), 0444, nullptr},
                [&index](void* at) { publish(*static_cast<ArenaIndexFile*>(at), index); });
}

int create_arena_page(const char* path, FileOwner owner) {
  return create({path, kArenaMagic, sizeof(ArenaPage), 0644, &owner}, [](void*) {});
}

int open_region(const char* path, std::uint64_t bytes, Access access, Region& out) {
  const int saved = errno;
  const int flags = access == Access::kRead ? O_RDONLY : O_RDWR;
  const int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  int failed = fd < 0 ? errno : map_region(fd, bytes, access, out);
  if (failed != 0 && fd >= 0) close(fd);
  errno = saved;
  return failed;
}

void close_region(Region& region) {
  const int saved = errno;
  if (region.address != nullptr) munmap(region.address, region.bytes);
  if (region.fd >= 0) close(region.fd);
  region = {};
  errno = saved;
}

bool read_arena_page(int fd, ArenaView& out) {
  alignas(ArenaPage) char bytes[sizeof(ArenaPage)];
  const int saved = errno;
  const ssize_t got = pread(fd, bytes, sizeof bytes, 0);
  errno = saved;
  if (got != static_cast<ssize_t>(sizeof bytes)) return false;
  const auto& page = *reinterpret_cast<const ArenaPage*>(bytes);
  if (page.magic != kArenaMagic || page.version != kVersion || page.bytes != sizeof(ArenaPage))
    return false;
  out = {page.virtual_time.load(std::memory_order_relaxed),
         page.entitled_until.load(std::memory_order_relaxed),
         page.wants_until.load(std::memory_order_relaxed),
         page.busy_until.load(std::memory_order_relaxed)};
  return true;
}

}  // namespace melon::abi

// SPDX-License-Identifier: Apache-2.0
// Maps the policy and the ledger of a grant and decides whether they can be used.

#include "shim/core/grant_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include "shim/abi/files.h"
#include "shim/abi/ledger.h"
#include "shim/abi/publish.h"
#include "shim/core/memory.h"

namespace melon::shim {
namespace {

constexpr int kOutOfTheWay = 512;  // descriptors from here on, where the limit allows it

/// fstat's own symbol is newer than the oldest glibc that must load this.
bool identify(int fd, unsigned long& device, unsigned long& id) {
  struct stat found = {};
  if (fd < 0 || syscall(SYS_fstat, fd, &found) != 0) return false;
  device = found.st_dev;
  id = found.st_ino;
  return true;
}

const abi::PolicyFile* map_policy(const char* path) {
  abi::Region region;
  if (abi::open_region(path, sizeof(abi::PolicyFile), abi::Access::kRead, region) != 0)
    return nullptr;
  ::close(region.fd);
  auto* const file = static_cast<const abi::PolicyFile*>(region.address);
  return abi::is_usable(*file, region.bytes) ? file : nullptr;
}

/// A sparse file on a full file system would answer the first store by SIGBUS. The daemon makes it
/// whole, so there is seldom anything to allocate, and asking alone costs a look at every page.
bool has_blocks(int fd, std::uint64_t bytes) {
  struct stat found = {};
  constexpr std::uint64_t kBlockBytes = 512;  // of st_blocks, whatever the file system's are
  if (syscall(SYS_fstat, fd, &found) == 0 &&
      static_cast<std::uint64_t>(found.st_blocks) * kBlockBytes >= bytes)
    return true;
  if (fallocate(fd, 0, 0, static_cast<off_t>(bytes)) == 0) return true;
  return errno == EOPNOTSUPP || errno == ENOSYS;
}

/// A ledger of another grant is as unusable as a truncated one.
bool belongs(const abi::LedgerFile& ledger, const abi::PolicyFile* policy_file) {
  abi::Policy policy;
  if (policy_file == nullptr || !abi::read_published(*policy_file, policy)) return true;
  return std::strncmp(ledger.grant, policy.grant, abi::kIdBytes) == 0;
}

abi::LedgerFile* make_private_ledger() {
  auto* const ledger = static_cast<abi::LedgerFile*>(map_anonymous(sizeof(abi::LedgerFile)));
  if (ledger == nullptr) return nullptr;
  ledger->magic = abi::kLedgerMagic;
  ledger->version = abi::kVersion;
  ledger->bytes = sizeof(abi::LedgerFile);
  return ledger;
}

}  // namespace

void GrantFiles::keep(int fd) {
  const int high = fcntl(fd, F_DUPFD_CLOEXEC, kOutOfTheWay);  // NOLINT: varargs of libc
  if (high >= 0) ::close(fd);
  ledger_fd = high >= 0 ? high : fd;
  identify(ledger_fd, file_device_, file_id_);
}

int GrantFiles::checked_fd() const {
  unsigned long device = 0, id = 0;
  const int saved = errno;
  const bool same = identify(ledger_fd, device, id) && device == file_device_ && id == file_id_;
  errno = saved;
  return same ? ledger_fd : -1;
}

bool GrantFiles::open(const char* folder) {
  const int saved = errno;
  char path[kPathBytes];
  if (join_path(path, folder, "policy")) policy_file = map_policy(path);
  abi::Region region;
  if (join_path(path, folder, "ledger") &&
      abi::open_region(path, sizeof(abi::LedgerFile), abi::Access::kReadWrite, region) == 0) {
    auto* const shared = static_cast<abi::LedgerFile*>(region.address);
    if (abi::is_usable(*shared, region.bytes) && has_blocks(region.fd, region.bytes) &&
        belongs(*shared, policy_file)) {
      ledger = shared;
      keep(region.fd);
    } else {
      abi::close_region(region);
    }
  }
  if (ledger == nullptr) {
    private_ledger = true;
    ledger_fd = -1;
    ledger = make_private_ledger();
  }
  errno = saved;
  return ledger != nullptr;
}

}  // namespace melon::shim

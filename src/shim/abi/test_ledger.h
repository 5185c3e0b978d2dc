// SPDX-License-Identifier: Apache-2.0
#pragma once

// For tests of the ledger: one in memory shared with child processes, and the children.

#include <grp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <new>

#include "shim/abi/ledger.h"
#include "shim/abi/words.h"

namespace melon::abi {

constexpr uid_t kTenantUser = 65534;

/// A value that children of this process share with it.
template <class T>
class Shared {
 public:
  Shared() {
    void* const at =
        mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) std::abort();
    value_ = static_cast<T*>(at);
  }
  ~Shared() { munmap(value_, sizeof(T)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  T& operator*() const { return *value_; }
  T* operator->() const { return value_; }

 private:
  T* value_;
};

/// An empty ledger, as the agent creates it.
class SharedLedger : public Shared<LedgerFile> {
 public:
  SharedLedger() {
    (**this).magic = kLedgerMagic;
    (**this).version = kVersion;
    (**this).bytes = sizeof(LedgerFile);
  }
};

/// Tenants are no root: what a test shows must not rest on privileges.
inline void become_tenant() {
  if (geteuid() != 0) return;
  if (setgroups(0, nullptr) != 0 || setgid(kTenantUser) != 0 || setuid(kTenantUser) != 0) _exit(99);
}

/// Runs `body` in a child of its own and returns the child's pid. The child exits 0, without
/// handlers and destructors of the test program.
template <class Body>
pid_t start_child(Body body) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  become_tenant();
  body();
  _exit(0);
}

/// The status of a child that has ended, as waitpid gives it.
inline int wait_child(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

inline bool exited_well(int status) { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }

inline void die() {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/// This process's slot in a ledger that only this namespace uses.
inline unsigned claim(LedgerFile& ledger) {
  const int slot = claim_slot(ledger, self_identity(), -1);
  if (slot == kNoSlot) std::abort();
  return static_cast<unsigned>(slot);
}

}  // namespace melon::abi

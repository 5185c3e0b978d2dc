// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include "shim/abi/region.h"

namespace melon::shim {

/// Holds a pthread mutex for a scope. Zero-filled memory is an unlocked mutex.
class Locked {
 public:
  explicit Locked(pthread_mutex_t& mutex) : mutex_(mutex) { pthread_mutex_lock(&mutex_); }
  ~Locked() { pthread_mutex_unlock(&mutex_); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  pthread_mutex_t& mutex_;
};

/// The two files of a grant as this process sees them: the policy, never written, and the ledger.
///
///  G1  ledger() is always usable: when the shared one is not, a private one stands in.
///  G2  without a usable policy there are no devices.
struct GrantFiles {
  const abi::PolicyFile* policy_file = nullptr;
  abi::LedgerFile* ledger = nullptr;
  bool private_ledger = false;
  /// Carries the lock on the process's slot, for those that cannot see it in /proc; -1: none. Out
  /// of the way of the program's own numbers, and checked before use: the program may have closed
  /// it.
  int ledger_fd = -1;

  /// ledger_fd if it still is the ledger's, else -1.
  int checked_fd() const;

  /// Maps both. False only when not even private memory could be had.
  bool open(const char* folder);

 private:
  void keep(int fd);
  unsigned long file_id_ = 0, file_device_ = 0;
};

}  // namespace melon::shim

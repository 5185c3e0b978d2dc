// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace melon::shim {

/// A mutex of one word whose zero is unlocked: locks that live in the session's page are free again
/// in a forked child. Not recursive.
class Lock {
 public:
  void lock() {
    std::uint32_t expected = 0;
    if (!word_.compare_exchange_strong(expected, 1, std::memory_order_acquire)) lock_contended();
  }
  bool try_lock() {
    std::uint32_t expected = 0;
    return word_.compare_exchange_strong(expected, 1, std::memory_order_acquire);
  }
  void unlock() {
    if (word_.exchange(0, std::memory_order_release) == 2) wake();
  }

 private:
  void lock_contended();
  void wake();
  std::atomic<std::uint32_t> word_;  // 0 free, 1 held, 2 held and waited for
};

class Guard {
 public:
  explicit Guard(Lock& lock) : lock_(lock) { lock_.lock(); }
  ~Guard() { lock_.unlock(); }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  Lock& lock_;
};

}  // namespace melon::shim

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "shim/abi/publish.h"
#include "shim/abi/region.h"
#include "shim/core/grant_files.h"

namespace melon::shim {

/// The policy as last taken whole, and whether it has moved since. Any thread. Zero-filled memory
/// is a view of no policy: no device, nothing granted.
class PolicyView {
 public:
  void open(const abi::PolicyFile* file) {
    file_ = file;
    seen_.store(~std::uint64_t{0}, std::memory_order_relaxed);
    refresh();
  }

  std::uint64_t generation() const {
    return file_ == nullptr ? 0 : abi::current_generation(*file_);
  }

  /// Takes the policy again if it has moved. Returns the generation that copy() now has.
  std::uint64_t refresh() {
    if (file_ == nullptr || generation() == seen_.load(std::memory_order_acquire))
      return seen_.load(std::memory_order_relaxed);
    const Locked locked(lock_);
    // A value that is none leaves the old limits in force until the next one.
    std::uint64_t taken = generation();
    if (abi::Policy fresh; abi::read_published(*file_, fresh, &taken)) copy_ = fresh;
    for (unsigned i = 0; i < abi::kMaxDevices; ++i)
      memory_granules_[i].store(i < copy_.device_count ? copy_.devices[i].memory_granules : 0,
                                std::memory_order_relaxed);
    seen_.store(taken, std::memory_order_release);
    return taken;
  }

  /// The limits on one device and whether the grant is suspended.
  abi::DevicePolicy device(unsigned device, bool& suspended) {
    const Locked locked(lock_);
    suspended = copy_.suspended != 0;
    return copy_.devices[device];
  }

  std::uint64_t memory_granules(unsigned device) {
    refresh();
    return memory_granules_[device].load(std::memory_order_relaxed);
  }

  unsigned device_count() const { return std::min(copy_.device_count, abi::kMaxDevices); }
  /// The policy as opened. Keys and the grant's name never change in a grant's life.
  const abi::Policy& opened() const { return copy_; }

  /// Sleeps until the policy is published again, at most `timeout`. Only where there is one.
  void wait_for_change(std::uint64_t generation, std::uint64_t timeout) const {
    abi::wait_for_change(*file_, generation, timeout);
  }

 private:
  const abi::PolicyFile* file_;
  std::atomic<std::uint64_t> seen_;
  pthread_mutex_t lock_;
  abi::Policy copy_;
  std::atomic<std::uint64_t> memory_granules_[abi::kMaxDevices];
};

}  // namespace melon::shim

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shim/core/attach.h"

namespace melon::shim {

/// The threads with which a CPU driver computes: those that appear during the driver's own calls.
/// Their CPU time is the device time that was really consumed; the program's own threads and its
/// compiler are not among them.

/// The set of this process's threads before a driver call that may start workers.
class WorkerWatch {
 public:
  WorkerWatch();
  /// Adopts the threads that have appeared since as workers.
  ~WorkerWatch();
  WorkerWatch(const WorkerWatch&) = delete;
  WorkerWatch& operator=(const WorkerWatch&) = delete;

 private:
  static constexpr unsigned kMost = 1024;
  bool watching_;
  unsigned count_ = 0;
  int threads_[kMost];
};

/// How many workers are known.
unsigned worker_count();

/// CPU time of all workers so far, in ns; never falls.
Nanoseconds worker_time();

}  // namespace melon::shim

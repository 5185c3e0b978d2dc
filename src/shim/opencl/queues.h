// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shim/opencl/devices.h"
#include "shim/opencl/gates.h"
#include "shim/opencl/lock.h"

namespace melon::shim {

constexpr unsigned kMostQueueProperties = 16;

/// What we know of a command queue.
struct Queue {
  std::uint32_t epoch;
  std::int32_t slice;  // kNotGranted: its commands pass untouched
  bool is_cpu;
  bool unordered;
  bool profiled;         // the driver records times
  bool shows_profiling;  // the program asked for them
  bool has_array;        // created with a property list
  cl_uint property_count;
  cl_queue_properties properties[kMostQueueProperties];  // as the program gave them
  Lock lock;                                             // guards `state`
  QueueState state;
  GateRef gate;  // later commands of this queue wait behind it; guarded by Session::gates
};

/// The record of a queue, or null: made before there was a session, or by a function that we do not
/// know.
Queue* find_queue(cl_command_queue queue);
/// The same, and where there is none makes one of what the driver says. Null: no queue at all.
Queue* find_or_adopt_queue(const Driver& next, cl_command_queue queue);

}  // namespace melon::shim

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "sim/opencl/objects.h"

namespace melon::sim {

/// A command's wait list and where its event goes (may be null).
struct Order {
  cl_uint count;
  const cl_event* waits;
  cl_event* out;
};

struct Command {
  cl_command_type type;
  std::uint64_t duration_ns = 0;  // device time
  bool blocking = false;          // the call returns when the command is complete
  std::function<void()> work{};   // what it does to memory, done at its end
  std::vector<cl_mem> uses{};     // kept alive until the command is complete
};

/// Takes a command from the program. In constant mode it is complete when this returns.
cl_int enqueue(cl_command_queue queue, Command command, const Order& order);

void retain(cl_mem mem);
void release(cl_mem mem);

}  // namespace melon::sim

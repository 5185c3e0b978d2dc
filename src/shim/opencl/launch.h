// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "shim/opencl/queues.h"

namespace melon::shim {

/// What a command costs the device.
struct Cost {
  enum class Kind : std::uint8_t {
    kNone,      // nothing: it only takes part in the order of commands
    kUnits,     // runs on the compute units
    kTransfer,  // host to device or back: on the units of a CPU device, on copy engines elsewhere
    kBarrier,   // nothing, and later commands of the queue wait for it
    kMarker,    // nothing, and without a wait list it waits for all earlier commands
  } kind;
  std::uint64_t key;  // commands of like cost
};
constexpr Cost kNoCost{Cost::Kind::kNone, 0};

/// A key for a kind of command of about a size. `what` tells kinds apart: a kernel's handle, or the
/// address of the hook's function for the others.
inline Cost units(const void* what, std::uint64_t size) {
  const auto id = reinterpret_cast<std::uintptr_t>(what);
  const unsigned magnitude = size == 0 ? 0 : 64 - static_cast<unsigned>(__builtin_clzll(size));
  return {Cost::Kind::kUnits, (id * 0x9e3779b97f4a7c15ULL) ^ magnitude};
}
inline Cost transfer(const void* what, std::uint64_t size) {
  return {Cost::Kind::kTransfer, units(what, size).key};
}

/// A command's wait list and where the program wants its event (may be null).
struct Waits {
  cl_uint count;
  const cl_event* events;
  cl_event* out;
};

/// Launches of one slice that nothing limits, not yet in the ledger's count; each thread its own.
struct Unlimited {
  QueueState state;
  std::int32_t slice;
};
extern __thread Unlimited unlimited __attribute__((tls_model("initial-exec")));
/// The same as passes() for commands whose slice or cost is the queue's.
bool passes_by_queue(cl_command_queue queue, const Cost& cost);

/// The usual path where nothing is limited: true when the command may go without begin().
inline bool passes(cl_command_queue queue, const Cost& cost) {
  if (!passage().open() || Gates::any()) return false;
  if (cost.kind == Cost::Kind::kUnits && has_one_slice.load(std::memory_order_relaxed))
    return count_unlimited(unlimited.state);
  return passes_by_queue(queue, cost);
}

/// True inside the program's completion callbacks, which run on the driver's threads.
extern __thread unsigned callback_depth __attribute__((tls_model("initial-exec")));

/// The driver's functions for code that runs outside any call of the program.
const Driver& any_driver();

/// One command on its way to the driver.
struct Submission {
  const Driver& next;
  Queue* queue;
  Cost cost;
  Waits waits;
  Launch launch{};
  GateRef gate{};
  cl_event own = nullptr;  // our event, where the program wants none
  bool charged = false;
  bool in_callback = false;

  cl_event* event() { return waits.out != nullptr ? waits.out : &own; }
};

/// Before the driver: waits until the command may go. False: nothing to follow, pass it on as is.
bool begin(Submission& submission);
/// After the driver has answered.
void end(Submission& submission, cl_command_queue queue, cl_int status);

/// Takes a command to the driver: holds it as the limits say, asks for a completion notice where
/// one is due, and keeps account of what waits for the program. `call(event)` is the driver's
/// function with `event` for the program's.
template <class Call>
cl_int submit(const Driver& next, cl_command_queue queue, Cost cost, Waits waits, Call call) {
  if (passes(queue, cost)) return call(waits.out);
  Queue* const known = tenant() != nullptr ? find_or_adopt_queue(next, queue) : nullptr;
  if (known == nullptr || known->slice < 0) return call(waits.out);
  Submission submission{next, known, cost, waits};
  if (!begin(submission)) return call(waits.out);
  if (submission.launch.flight == nullptr && submission.gate.gate == nullptr) {
    const cl_int status = call(waits.out);
    if (__builtin_expect(status != CL_SUCCESS, 0)) end(submission, queue, status);
    return status;
  }
  const cl_int status = call(submission.event());
  end(submission, queue, status);
  return status;
}

/// submit() for a function of the driver whose arguments end with the wait list and the event, as
/// those of nearly all commands do.
template <class Entry, class... Arguments>
cl_int pass(const Driver& next, Entry Driver::*entry, Cost cost, Waits waits,
            cl_command_queue queue, Arguments... arguments) {
  return submit(next, queue, cost, waits, [&](cl_event* out) {
    return (next.*entry)(queue, arguments..., waits.count, waits.events, out);
  });
}

}  // namespace melon::shim

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "shim/core/attach.h"
#include "shim/opencl/driver.h"
#include "shim/opencl/handles.h"

namespace melon::shim {

struct Queue;
struct Gate;

/// A gate as others remember it; it is closed as long as the serial is still the gate's own.
struct GateRef {
  Gate* gate = nullptr;
  std::uint64_t serial = 0;
};

/// What a command may have to wait for although the device could run it: a user event that has not
/// been set, directly or through other commands. Such commands finish only when the program acts,
/// so they must not count as work in flight, or a program that enqueues first and sets its event
/// afterwards, in one thread, would wait for itself.
///
///  G1  a gate opens once, when all that it depends on has opened, or when its command is complete
///      in spite of that; user events open when set. One that the program gives up unset never
///      opens: its gate ends, and what waits for it stays closed.
///  G2  a gate in the event table is closed.
///  G3  a flight is told of its opening before its finish, or not at all.
/// Opened gates go back to the pool; a serial tells the old from the new. All under Session::gates.
class Gates {
 public:
  /// Anything closed at all? The only question on the usual path.
  static bool any() { return closed_.load(std::memory_order_relaxed) != 0; }

  /// A gate for a command with these waits, or null reference: it can start by itself.
  /// `all_of_queue`: it also waits for every earlier command of an unordered queue (a barrier or
  /// marker without a wait list).
  static GateRef make(Queue* queue, cl_uint count, const cl_event* waits, bool all_of_queue);
  /// A closed gate for a user event.
  static void add_user_event(cl_event event);
  static void open_user_event(const Driver& next, cl_event event);
  /// The program's own references to a user event; the driver's do not count, nobody can set an
  /// event by these. Other events are ignored.
  static void retain_user_event(cl_event event);
  static void release_user_event(cl_event event);

  /// The command of a gate is in the driver: `event` (retained until the gate opens; null: none)
  /// is closed with it, `flight` is told when it opens. Later commands of the queue wait behind it
  /// when `holds_queue`.
  static void arm(const Driver& next, GateRef ref, cl_event event, Flight* flight, Queue* queue,
                  bool holds_queue);
  /// The driver refused the command.
  static void discard(const Driver& next, GateRef ref);
  /// The flight is finished: its gate must not speak of it any more.
  static void detach(GateRef ref);
  /// The same, and the command itself is complete.
  static void complete(const Driver& next, GateRef ref);

 private:
  static std::atomic<std::uint32_t> closed_;
  static void open(const Driver& next, Gate* gate);
  static void end(Gate* gate);
};

}  // namespace melon::shim

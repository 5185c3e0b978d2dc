// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "sim/opencl/objects.h"

/// The virtual clock, for a test in the same process (as melon::shim::Clock's functions). Waiting
/// lets devices work: commands that end before `when` complete, callbacks and all, in this thread.
extern "C" __attribute__((visibility("default"))) std::uint64_t melon_sim_now(void*);
extern "C" __attribute__((visibility("default"))) void melon_sim_sleep_until(void*,
                                                                             std::uint64_t when);

namespace melon::sim {

/// Runs commands: each device one at a time, in the order in which they can start.
///
/// With the real clock a driver thread does it; with the virtual one whoever waits. One lock guards
/// all; callbacks and completions run without it.

/// Starts the driver's thread, once, where there is one.
void start_engine();

/// Takes a new command. `event` stays the engine's until it is complete; the queue's order and the
/// wait list are kept. `holds_queue`: later commands of the queue wait for it; `after_all`: it
/// waits for all earlier ones, in an unordered queue too.
void submit(cl_event event, bool holds_queue, bool after_all);

/// Allows held commands to start (hold_until_flush).
void flush();

/// Waits for a command. Negative when it failed.
cl_int wait_for(cl_event event);
void wait_for_queue(cl_command_queue queue);

void set_user_event(cl_event event, cl_int status);
void add_callback(cl_event event, const _cl_event::Callback& callback);
cl_int status_of(cl_event event);

void retain(cl_event event);
void release(cl_event event);
void release(cl_command_queue queue);

}  // namespace melon::sim

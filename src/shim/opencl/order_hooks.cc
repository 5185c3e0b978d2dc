// SPDX-License-Identifier: Apache-2.0
// Markers and barriers: they cost nothing, and what waits for the program waits behind them.

#include "shim/opencl/launch.h"

namespace melon::shim::hook {

cl_int clEnqueueMarkerWithWaitList(const Driver& next, cl_command_queue command_queue,
                                   cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                                   cl_event* event) {
  return pass(next, &Driver::clEnqueueMarkerWithWaitList, {Cost::Kind::kMarker, 0},
              {num_events_in_wait_list, event_wait_list, event}, command_queue);
}

cl_int clEnqueueBarrierWithWaitList(const Driver& next, cl_command_queue command_queue,
                                    cl_uint num_events_in_wait_list,
                                    const cl_event* event_wait_list, cl_event* event) {
  return pass(next, &Driver::clEnqueueBarrierWithWaitList, {Cost::Kind::kBarrier, 0},
              {num_events_in_wait_list, event_wait_list, event}, command_queue);
}

cl_int clEnqueueMarker(const Driver& next, cl_command_queue command_queue, cl_event* event) {
  return submit(next, command_queue, {Cost::Kind::kMarker, 0}, {0, nullptr, event},
                [&](cl_event* out) { return next.clEnqueueMarker(command_queue, out); });
}

// The old barrier and wait give no event; where they are gated, the newer call that does is used.
cl_int clEnqueueBarrier(const Driver& next, cl_command_queue command_queue) {
  return submit(
      next, command_queue, {Cost::Kind::kBarrier, 0}, {0, nullptr, nullptr}, [&](cl_event* out) {
        return out == nullptr ? next.clEnqueueBarrier(command_queue)
                              : next.clEnqueueBarrierWithWaitList(command_queue, 0, nullptr, out);
      });
}

cl_int clEnqueueWaitForEvents(const Driver& next, cl_command_queue command_queue,
                              cl_uint num_events, const cl_event* event_list) {
  return submit(next, command_queue, {Cost::Kind::kBarrier, 0}, {num_events, event_list, nullptr},
                [&](cl_event* out) {
                  return out == nullptr
                             ? next.clEnqueueWaitForEvents(command_queue, num_events, event_list)
                             : next.clEnqueueBarrierWithWaitList(command_queue, num_events,
                                                                 event_list, out);
                });
}

}  // namespace melon::shim::hook

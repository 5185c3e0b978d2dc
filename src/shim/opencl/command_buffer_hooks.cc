// SPDX-License-Identifier: Apache-2.0
// Command buffers: recorded commands run without passing an enqueue, so the whole is one command.

#include "shim/opencl/launch.h"

namespace melon::shim {
namespace {

struct CommandBuffer {
  cl_command_queue queue;
};

HandleTable<cl_command_buffer_khr, CommandBuffer> g_buffers;

cl_command_queue queue_of(cl_command_buffer_khr buffer) {
  const CommandBuffer* const known = g_buffers.find(buffer);
  return known != nullptr ? known->queue : nullptr;
}

}  // namespace

namespace hook {

cl_command_buffer_khr clCreateCommandBufferKHR(const Driver&, clCreateCommandBufferKHR_fn real,
                                               cl_uint num_queues, const cl_command_queue* queues,
                                               const cl_command_buffer_properties_khr* properties,
                                               cl_int* errcode_ret) {
  const cl_command_buffer_khr buffer = real(num_queues, queues, properties, errcode_ret);
  if (buffer == nullptr || tenant() == nullptr) return buffer;
  if (CommandBuffer* const known = g_buffers.insert(buffer); known != nullptr)
    known->queue = queues[0];
  return buffer;
}

cl_int clEnqueueCommandBufferKHR(const Driver& next, clEnqueueCommandBufferKHR_fn real,
                                 cl_uint num_queues, cl_command_queue* queues,
                                 cl_command_buffer_khr command_buffer,
                                 cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                                 cl_event* event) {
  const cl_command_queue queue =
      num_queues != 0 && queues != nullptr ? queues[0] : queue_of(command_buffer);
  return submit(next, queue, units(command_buffer, 1),
                {num_events_in_wait_list, event_wait_list, event}, [&](cl_event* out) {
                  return real(num_queues, queues, command_buffer, num_events_in_wait_list,
                              event_wait_list, out);
                });
}

}  // namespace hook
}  // namespace melon::shim

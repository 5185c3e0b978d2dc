// SPDX-License-Identifier: Apache-2.0
// Queues, programs, kernels, commands and events of the simulated driver.

#include <cstdlib>

#include "sim/opencl/engine.h"
#include "sim/opencl/icd.h"
#include "sim/opencl/script.h"
#include "sim/opencl/submission.h"

namespace melon::sim {
namespace {

// --- programs: any source builds, any kernel name exists; "name_250" runs for 250 us.

cl_program create_program(cl_context context, cl_uint, const char**, const size_t*,
                          cl_int* status) {
  auto* const program = new _cl_program;
  program->context = context;
  set_status(status, CL_SUCCESS);
  return program;
}

cl_int build_program(cl_program, cl_uint, const cl_device_id*, const char*,
                     void(CL_CALLBACK* notify)(cl_program, void*), void* data) {
  if (notify != nullptr) notify(nullptr, data);
  return CL_SUCCESS;
}

cl_int release_program(cl_program program) {
  if (program->references.fetch_sub(1) == 1) delete program;
  return CL_SUCCESS;
}

cl_kernel create_kernel(cl_program program, const char* name, cl_int* status) {
  auto* const kernel = new _cl_kernel;
  kernel->program = program;
  kernel->name = name;
  const std::size_t mark = kernel->name.find_last_of('_');
  const std::uint64_t own =
      mark == std::string::npos ? 0 : std::strtoull(name + mark + 1, nullptr, 10);
  kernel->duration_ns = 1000 * (own != 0 ? own : script().kernel_us);
  set_status(status, CL_SUCCESS);
  return kernel;
}

cl_int set_kernel_arg(cl_kernel, cl_uint, size_t, const void*) { return CL_SUCCESS; }

cl_int release_kernel(cl_kernel kernel) {
  if (kernel->references.fetch_sub(1) == 1) delete kernel;
  return CL_SUCCESS;
}

// --- queues

cl_command_queue make_queue(cl_context context, cl_device_id device,
                            cl_command_queue_properties flags, cl_int* status) {
  if (!script().profiling && (flags & CL_QUEUE_PROFILING_ENABLE) != 0) {
    set_status(status, CL_INVALID_QUEUE_PROPERTIES);
    return nullptr;
  }
  auto* const queue = new _cl_command_queue;
  queue->context = context;
  queue->device = device;
  queue->flags = flags;
  start_engine();
  set_status(status, CL_SUCCESS);
  return queue;
}

cl_command_queue create_queue(cl_context context, cl_device_id device,
                              cl_command_queue_properties flags, cl_int* status) {
  return make_queue(context, device, flags, status);
}

cl_command_queue create_queue_with_properties(cl_context context, cl_device_id device,
                                              const cl_queue_properties* properties,
                                              cl_int* status) {
  cl_command_queue_properties flags = 0;
  std::vector<cl_queue_properties> kept;
  for (const auto* p = properties; p != nullptr && *p != 0; p += 2) {
    if (*p == CL_QUEUE_PROPERTIES) flags = p[1];
    kept.insert(kept.end(), {p[0], p[1]});
  }
  if (properties != nullptr) kept.push_back(0);
  const cl_command_queue queue = make_queue(context, device, flags, status);
  if (queue != nullptr) queue->properties = kept;
  return queue;
}

cl_int retain_queue(cl_command_queue queue) {
  queue->references.fetch_add(1);
  return CL_SUCCESS;
}

cl_int release_queue(cl_command_queue queue) {
  release(queue);
  return CL_SUCCESS;
}

cl_int get_queue_info(cl_command_queue queue, cl_command_queue_info what, size_t room, void* out,
                      size_t* size) {
  switch (what) {
    case CL_QUEUE_CONTEXT:
      return answer(queue->context, room, out, size);
    case CL_QUEUE_DEVICE:
      return answer(queue->device, room, out, size);
    case CL_QUEUE_REFERENCE_COUNT:
      return answer<cl_uint>(queue->references.load(), room, out, size);
    case CL_QUEUE_PROPERTIES:
      return answer(queue->flags, room, out, size);
    case CL_QUEUE_PROPERTIES_ARRAY:
      return answer_bytes(queue->properties.data(),
                          queue->properties.size() * sizeof(cl_queue_properties), room, out, size);
    default:
      return CL_INVALID_VALUE;
  }
}

cl_int finish(cl_command_queue queue) {
  if (!script().constant) wait_for_queue(queue);
  return CL_SUCCESS;
}

cl_int flush_queue(cl_command_queue) {
  flush();
  return CL_SUCCESS;
}

// --- commands

cl_int enqueue_kernel(cl_command_queue queue, cl_kernel kernel, cl_uint, const size_t*,
                      const size_t*, const size_t*, cl_uint count, const cl_event* waits,
                      cl_event* out) {
  if (kernel == nullptr) return CL_INVALID_KERNEL;
  if (script().constant && out == nullptr) return CL_SUCCESS;
  return enqueue(queue, {CL_COMMAND_NDRANGE_KERNEL, kernel->duration_ns}, {count, waits, out});
}

cl_int enqueue_task(cl_command_queue queue, cl_kernel kernel, cl_uint count, const cl_event* waits,
                    cl_event* out) {
  return enqueue_kernel(queue, kernel, 1, nullptr, nullptr, nullptr, count, waits, out);
}

cl_int enqueue_marker_waiting(cl_command_queue queue, cl_uint count, const cl_event* waits,
                              cl_event* out) {
  return enqueue(queue, {CL_COMMAND_MARKER}, {count, waits, out});
}

cl_int enqueue_barrier_waiting(cl_command_queue queue, cl_uint count, const cl_event* waits,
                               cl_event* out) {
  return enqueue(queue, {CL_COMMAND_BARRIER}, {count, waits, out});
}

cl_int enqueue_marker(cl_command_queue queue, cl_event* out) {
  return enqueue_marker_waiting(queue, 0, nullptr, out);
}

cl_int enqueue_barrier(cl_command_queue queue) {
  return enqueue_barrier_waiting(queue, 0, nullptr, nullptr);
}

// --- events

cl_int wait_for_events(cl_uint count, const cl_event* list) {
  cl_int status = CL_SUCCESS;
  for (cl_uint i = 0; i < count; ++i)
    if (wait_for(list[i]) < 0) status = CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
  return status;
}

cl_int retain_event(cl_event event) {
  retain(event);
  return CL_SUCCESS;
}

cl_int release_event(cl_event event) {
  release(event);
  return CL_SUCCESS;
}

cl_int get_event_info(cl_event event, cl_event_info what, size_t room, void* out, size_t* size) {
  switch (what) {
    case CL_EVENT_COMMAND_QUEUE:
      return answer(event->queue, room, out, size);
    case CL_EVENT_CONTEXT:
      return answer(event->context, room, out, size);
    case CL_EVENT_COMMAND_TYPE:
      return answer(event->type, room, out, size);
    case CL_EVENT_COMMAND_EXECUTION_STATUS:
      return answer(status_of(event), room, out, size);
    case CL_EVENT_REFERENCE_COUNT:
      return answer<cl_uint>(event->references.load(), room, out, size);
    default:
      return CL_INVALID_VALUE;
  }
}

cl_int get_profiling_info(cl_event event, cl_profiling_info what, size_t room, void* out,
                          size_t* size) {
  const bool profiled =
      event->queue != nullptr && (event->queue->flags & CL_QUEUE_PROFILING_ENABLE) != 0;
  if (!profiled || status_of(event) != CL_COMPLETE) return CL_PROFILING_INFO_NOT_AVAILABLE;
  switch (what) {
    case CL_PROFILING_COMMAND_QUEUED:
    case CL_PROFILING_COMMAND_SUBMIT:
      return answer<cl_ulong>(event->queued_at, room, out, size);
    case CL_PROFILING_COMMAND_START:
      return answer<cl_ulong>(event->started_at, room, out, size);
    case CL_PROFILING_COMMAND_END:
    case CL_PROFILING_COMMAND_COMPLETE:
      return answer<cl_ulong>(event->ended_at, room, out, size);
    default:
      return CL_INVALID_VALUE;
  }
}

cl_int set_event_callback(cl_event event, cl_int type, _cl_event::Notify notify, void* user_data) {
  add_callback(event, {type, notify, user_data});
  return CL_SUCCESS;
}

cl_event create_user_event(cl_context context, cl_int* status) {
  auto* const event = new _cl_event;
  event->context = context;
  event->type = CL_COMMAND_USER;
  event->status = CL_SUBMITTED;
  set_status(status, CL_SUCCESS);
  return event;
}

cl_int set_user_event_status(cl_event event, cl_int status) {
  if (status_of(event) <= CL_COMPLETE) return CL_INVALID_OPERATION;
  set_user_event(event, status);
  return CL_SUCCESS;
}

}  // namespace

void add_programs(cl_icd_dispatch& table) {
  table.clCreateProgramWithSource = create_program;
  table.clBuildProgram = build_program;
  table.clReleaseProgram = release_program;
  table.clCreateKernel = create_kernel;
  table.clSetKernelArg = set_kernel_arg;
  table.clReleaseKernel = release_kernel;
}

void add_commands(cl_icd_dispatch& table) {
  table.clCreateCommandQueue = create_queue;
  table.clCreateCommandQueueWithProperties = create_queue_with_properties;
  table.clRetainCommandQueue = retain_queue;
  table.clReleaseCommandQueue = release_queue;
  table.clGetCommandQueueInfo = get_queue_info;
  table.clFinish = finish;
  table.clFlush = flush_queue;
  table.clEnqueueNDRangeKernel = enqueue_kernel;
  table.clEnqueueTask = enqueue_task;
  table.clEnqueueMarker = enqueue_marker;
  table.clEnqueueMarkerWithWaitList = enqueue_marker_waiting;
  table.clEnqueueBarrier = enqueue_barrier;
  table.clEnqueueBarrierWithWaitList = enqueue_barrier_waiting;
  table.clWaitForEvents = wait_for_events;
  table.clRetainEvent = retain_event;
  table.clReleaseEvent = release_event;
  table.clGetEventInfo = get_event_info;
  table.clGetEventProfilingInfo = get_profiling_info;
  table.clSetEventCallback = set_event_callback;
  table.clCreateUserEvent = create_user_event;
  table.clSetUserEventStatus = set_user_event_status;
}

}  // namespace melon::sim

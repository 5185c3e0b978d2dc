// SPDX-License-Identifier: Apache-2.0
// Command queues: measured by profiling that the program cannot see.

#include <string.h>

#include "shim/opencl/launch.h"
#include "shim/opencl/workers.h"

namespace melon::shim {
namespace {

HandleTable<cl_command_queue, Queue> g_queues;
Lock g_adopting;

// What the program asked for, and whether to add profiling to it.
struct Wish {
  cl_command_queue_properties flags = 0;
  cl_queue_properties list[kMostQueueProperties + 3];
  cl_uint count = 0;     // entries of the program's list, its end included; 0: no list
  cl_uint flags_at = 0;  // where the flags are; 0: the list has none
  bool fits = true;
};

void read_list(const cl_queue_properties* properties, Wish& wish) {
  if (properties == nullptr) return;
  cl_uint i = 0;
  for (; properties[i] != 0; i += 2) {
    if (i + 3 > kMostQueueProperties) {
      wish.fits = false;
      return;
    }
    wish.list[i] = properties[i];
    wish.list[i + 1] = properties[i + 1];
    if (properties[i] != CL_QUEUE_PROPERTIES) continue;
    wish.flags = properties[i + 1];
    wish.flags_at = i + 1;
  }
  wish.list[i] = 0;
  wish.count = i + 1;
}

// The program's list with profiling added.
void add_profiling(Wish& wish) {
  if (wish.flags_at != 0) {
    wish.list[wish.flags_at] |= CL_QUEUE_PROFILING_ENABLE;
    return;
  }
  const cl_uint end = wish.count == 0 ? 0 : wish.count - 1;
  wish.list[end] = CL_QUEUE_PROPERTIES;
  wish.list[end + 1] = CL_QUEUE_PROFILING_ENABLE;
  wish.list[end + 2] = 0;
}

bool wants_profiling(const Driver& next, cl_device_id device, cl_command_queue_properties flags) {
  if ((flags & (CL_QUEUE_PROFILING_ENABLE | CL_QUEUE_ON_DEVICE)) != 0) return false;
  const DeviceRecord* const record = device_record(next, device);
  return record != nullptr && record->slice >= 0 &&
         tenant()->pacing(static_cast<unsigned>(record->slice));
}

// The driver made the queue without the profiling that it refused: launches there have no times.
void miss_profiling(const Driver& next, cl_device_id device) {
  const DeviceRecord* const record = device_record(next, device);
  if (record != nullptr && record->metered == 0) raise_flag(abi::kFlagNoTimer);
}

void remember(const Driver& next, cl_command_queue queue, cl_device_id device,
              cl_command_queue_properties flags, bool added) {
  const DeviceRecord* const record = device_record(next, device);
  Queue* const known = g_queues.insert(queue);
  if (record == nullptr || known == nullptr) return;
  known->slice = (flags & CL_QUEUE_ON_DEVICE) != 0 ? kNotGranted : record->slice;
  known->is_cpu = record->is_cpu != 0;
  known->unordered = (flags & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) != 0;
  known->shows_profiling = (flags & CL_QUEUE_PROFILING_ENABLE) != 0;
  known->profiled = added || known->shows_profiling;
  known->has_array = false;
  known->property_count = 0;
  known->state = QueueState{};
  known->gate = GateRef{};
  __atomic_store_n(&known->epoch, session()->epoch, __ATOMIC_RELEASE);
}

bool hides_profiling(const Queue& queue) { return queue.profiled && !queue.shows_profiling; }

const Queue* queue_of(const Driver& next, cl_event event) {
  cl_command_queue queue = nullptr;
  if (next.clGetEventInfo(event, CL_EVENT_COMMAND_QUEUE, sizeof queue, &queue, nullptr) !=
      CL_SUCCESS)
    return nullptr;
  return find_queue(queue);
}

// What the program has switched on or off. Profiling that is hidden stays on in the driver.
void remember_properties(Queue& queue, cl_command_queue_properties changed, bool enabled,
                         bool hidden) {
  if ((changed & CL_QUEUE_PROFILING_ENABLE) != 0) {
    queue.shows_profiling = enabled;
    if (!hidden) queue.profiled = enabled;
  }
  if ((changed & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) != 0) queue.unordered = enabled;
}

}  // namespace

Queue* find_queue(cl_command_queue queue) {
  Queue* const known = g_queues.find(queue);
  if (known == nullptr) return nullptr;
  return __atomic_load_n(&known->epoch, __ATOMIC_ACQUIRE) == session()->epoch ? known : nullptr;
}

Queue* find_or_adopt_queue(const Driver& next, cl_command_queue queue) {
  if (Queue* const known = find_queue(queue); __builtin_expect(known != nullptr, 1)) return known;
  cl_device_id device = nullptr;
  cl_command_queue_properties flags = 0;
  if (next.clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof device, &device, nullptr) !=
          CL_SUCCESS ||
      next.clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof flags, &flags, nullptr) !=
          CL_SUCCESS)
    return nullptr;
  const Guard guard(g_adopting);
  if (find_queue(queue) == nullptr) remember(next, queue, device, flags, false);
  return find_queue(queue);
}

namespace hook {

cl_command_queue clCreateCommandQueue(const Driver& next, cl_context context, cl_device_id device,
                                      cl_command_queue_properties properties, cl_int* errcode_ret) {
  if (tenant() == nullptr)
    return next.clCreateCommandQueue(context, device, properties, errcode_ret);
  const WorkerWatch watch;
  bool added = wants_profiling(next, device, properties);
  cl_command_queue queue = nullptr;
  if (added)
    queue = next.clCreateCommandQueue(context, device, properties | CL_QUEUE_PROFILING_ENABLE,
                                      errcode_ret);
  if (queue == nullptr) {
    queue = next.clCreateCommandQueue(context, device, properties, errcode_ret);
    if (added && queue != nullptr) miss_profiling(next, device);
    added = false;
  }
  if (queue != nullptr) remember(next, queue, device, properties, added);
  return queue;
}

cl_command_queue clCreateCommandQueueWithProperties(const Driver& next, cl_context context,
                                                    cl_device_id device,
                                                    const cl_queue_properties* properties,
                                                    cl_int* errcode_ret) {
  if (tenant() == nullptr)
    return next.clCreateCommandQueueWithProperties(context, device, properties, errcode_ret);
  const WorkerWatch watch;
  Wish wish;
  read_list(properties, wish);
  bool added = wish.fits && wants_profiling(next, device, wish.flags);
  cl_command_queue queue = nullptr;
  if (added) {
    add_profiling(wish);
    queue = next.clCreateCommandQueueWithProperties(context, device, wish.list, errcode_ret);
  }
  if (queue == nullptr) {
    queue = next.clCreateCommandQueueWithProperties(context, device, properties, errcode_ret);
    if (added && queue != nullptr) miss_profiling(next, device);
    added = false;
  }
  if (queue == nullptr) return queue;
  remember(next, queue, device, wish.flags, added);
  if (Queue* const known = find_queue(queue); known != nullptr && wish.fits) {
    known->has_array = true;
    known->property_count = wish.count;
    if (wish.count != 0)
      memcpy(known->properties, properties, wish.count * sizeof(cl_queue_properties));
  }
  return queue;
}

cl_int clReleaseCommandQueue(const Driver& next, cl_command_queue command_queue) {
  Queue* const known = tenant() != nullptr ? find_queue(command_queue) : nullptr;
  cl_uint references = 0;
  if (known != nullptr && known->slice >= 0 &&
      next.clGetCommandQueueInfo(command_queue, CL_QUEUE_REFERENCE_COUNT, sizeof references,
                                 &references, nullptr) == CL_SUCCESS &&
      references == 1) {
    const Guard guard(known->lock);
    tenant()->close_queue(static_cast<unsigned>(known->slice), known->state);
  }
  return next.clReleaseCommandQueue(command_queue);
}

cl_int clSetCommandQueueProperty(const Driver& next, cl_command_queue command_queue,
                                 cl_command_queue_properties properties, cl_bool enable,
                                 cl_command_queue_properties* old_properties) {
  Queue* const known = tenant() != nullptr ? find_queue(command_queue) : nullptr;
  const bool hidden = known != nullptr && hides_profiling(*known);
  cl_int status = CL_SUCCESS;
  const cl_command_queue_properties passed =
      hidden ? properties & ~static_cast<cl_command_queue_properties>(CL_QUEUE_PROFILING_ENABLE)
             : properties;
  if (passed != 0 || !hidden)
    status = next.clSetCommandQueueProperty(command_queue, passed, enable, old_properties);
  else if (old_properties != nullptr)
    *old_properties =
        known->unordered ? CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE : cl_command_queue_properties{0};
  if (status != CL_SUCCESS || known == nullptr) return status;
  if (hidden && old_properties != nullptr)
    *old_properties &= ~static_cast<cl_command_queue_properties>(CL_QUEUE_PROFILING_ENABLE);
  remember_properties(*known, properties, enable != CL_FALSE, hidden);
  return status;
}

cl_int clGetCommandQueueInfo(const Driver& next, cl_command_queue command_queue,
                             cl_command_queue_info param_name, size_t param_value_size,
                             void* param_value, size_t* param_value_size_ret) {
  const bool ours = param_name == CL_QUEUE_PROPERTIES || param_name == CL_QUEUE_PROPERTIES_ARRAY;
  const Queue* const known = ours && tenant() != nullptr ? find_queue(command_queue) : nullptr;
  if (known == nullptr || !hides_profiling(*known))
    return next.clGetCommandQueueInfo(command_queue, param_name, param_value_size, param_value,
                                      param_value_size_ret);
  if (param_name == CL_QUEUE_PROPERTIES_ARRAY) {
    if (!known->has_array)
      return next.clGetCommandQueueInfo(command_queue, param_name, param_value_size, param_value,
                                        param_value_size_ret);
    return answer(known->properties, known->property_count * sizeof(cl_queue_properties),
                  param_value_size, param_value, param_value_size_ret);
  }
  cl_command_queue_properties flags = 0;
  const cl_int status =
      next.clGetCommandQueueInfo(command_queue, param_name, sizeof flags, &flags, nullptr);
  if (status != CL_SUCCESS) return status;
  flags &= ~static_cast<cl_command_queue_properties>(CL_QUEUE_PROFILING_ENABLE);
  return answer(&flags, sizeof flags, param_value_size, param_value, param_value_size_ret);
}

cl_int clGetEventProfilingInfo(const Driver& next, cl_event event, cl_profiling_info param_name,
                               size_t param_value_size, void* param_value,
                               size_t* param_value_size_ret) {
  const Queue* const known = tenant() != nullptr ? queue_of(next, event) : nullptr;
  if (known != nullptr && hides_profiling(*known)) return CL_PROFILING_INFO_NOT_AVAILABLE;
  return next.clGetEventProfilingInfo(event, param_name, param_value_size, param_value,
                                      param_value_size_ret);
}

}  // namespace hook
}  // namespace melon::shim

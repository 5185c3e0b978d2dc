// SPDX-License-Identifier: Apache-2.0
// Functions that programs reach only by an extension's address: command buffers, and memory that
// host and device address alike.

#include "sim/opencl/icd.h"
#include "sim/opencl/submission.h"

// As every handle's: the loader looks no further than the first word.
struct _cl_command_buffer_khr : melon::sim::Object<_cl_command_buffer_khr> {
  cl_command_queue queue = nullptr;
  std::uint64_t duration_ns = 0;  // of all recorded kernels
};

namespace melon::sim {
namespace {

cl_command_buffer_khr create_command_buffer(cl_uint, const cl_command_queue* queues,
                                            const cl_command_buffer_properties_khr*,
                                            cl_int* status) {
  auto* const buffer = new _cl_command_buffer_khr;
  buffer->queue = queues[0];
  set_status(status, CL_SUCCESS);
  return buffer;
}

cl_int record_kernel(cl_command_buffer_khr buffer, cl_command_queue,
                     const cl_ndrange_kernel_command_properties_khr*, cl_kernel kernel, cl_uint,
                     const size_t*, const size_t*, const size_t*, cl_uint, const cl_sync_point_khr*,
                     cl_sync_point_khr*, cl_mutable_command_khr*) {
  buffer->duration_ns += kernel->duration_ns;
  return CL_SUCCESS;
}

cl_int finalize_command_buffer(cl_command_buffer_khr) { return CL_SUCCESS; }

cl_int release_command_buffer(cl_command_buffer_khr buffer) {
  if (buffer->references.fetch_sub(1) == 1) delete buffer;
  return CL_SUCCESS;
}

cl_int enqueue_command_buffer(cl_uint, cl_command_queue*, cl_command_buffer_khr buffer,
                              cl_uint count, const cl_event* waits, cl_event* out) {
  return enqueue(buffer->queue, {CL_COMMAND_COMMAND_BUFFER_KHR, buffer->duration_ns},
                 {count, waits, out});
}

void* host_alloc(cl_context context, const cl_mem_properties_intel*, size_t bytes, cl_uint,
                 cl_int* status) {
  void* const address = dispatch_table.clSVMAlloc(context, 0, bytes, 0);
  set_status(status, address != nullptr ? CL_SUCCESS : CL_OUT_OF_RESOURCES);
  return address;
}

void* device_alloc(cl_context context, cl_device_id, const cl_mem_properties_intel* properties,
                   size_t bytes, cl_uint alignment, cl_int* status) {
  return host_alloc(context, properties, bytes, alignment, status);
}

cl_int free_address(cl_context, void* address) {
  return address == nullptr || free_by_address(address) ? CL_SUCCESS : CL_INVALID_VALUE;
}

cl_mem create_buffer(cl_context context, const cl_mem_properties_intel*, cl_mem_flags flags,
                     size_t bytes, void* host, cl_int* status) {
  return dispatch_table.clCreateBuffer(context, flags, bytes, host, status);
}

struct Named {
  const char* name;
  void* function;
};

}  // namespace

void* extension_function(const char* name) {
  const Named all[] = {
      {"clCreateCommandBufferKHR", reinterpret_cast<void*>(&create_command_buffer)},
      {"clCommandNDRangeKernelKHR", reinterpret_cast<void*>(&record_kernel)},
      {"clFinalizeCommandBufferKHR", reinterpret_cast<void*>(&finalize_command_buffer)},
      {"clReleaseCommandBufferKHR", reinterpret_cast<void*>(&release_command_buffer)},
      {"clEnqueueCommandBufferKHR", reinterpret_cast<void*>(&enqueue_command_buffer)},
      {"clHostMemAllocINTEL", reinterpret_cast<void*>(&host_alloc)},
      {"clDeviceMemAllocINTEL", reinterpret_cast<void*>(&device_alloc)},
      {"clSharedMemAllocINTEL", reinterpret_cast<void*>(&device_alloc)},
      {"clCreateBufferWithPropertiesINTEL", reinterpret_cast<void*>(&create_buffer)},
      {"clMemFreeINTEL", reinterpret_cast<void*>(&free_address)},
      {"clMemBlockingFreeINTEL", reinterpret_cast<void*>(&free_address)},
      {"clPrivateAllocSIM", reinterpret_cast<void*>(&host_alloc)},  // of nobody else
  };
  for (const Named& one : all)
    if (std::strcmp(name, one.name) == 0) return one.function;
  return nullptr;
}

}  // namespace melon::sim

// SPDX-License-Identifier: Apache-2.0
// Commands that move memory, and those that no kernel object stands for.

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "sim/opencl/engine.h"
#include "sim/opencl/icd.h"
#include "sim/opencl/script.h"
#include "sim/opencl/submission.h"

namespace melon::sim {
namespace {

char* bytes_of(cl_mem mem) {
  if (mem->parent != nullptr) return bytes_of(mem->parent) + mem->offset;
  if (mem->data == nullptr) mem->data = static_cast<char*>(std::calloc(1, mem->bytes));
  return mem->data;
}

cl_int enqueue_read(cl_command_queue queue, cl_mem mem, cl_bool blocking, size_t offset,
                    size_t bytes, void* to, cl_uint count, const cl_event* waits, cl_event* out) {
  return enqueue(queue,
                 {CL_COMMAND_READ_BUFFER,
                  0,
                  blocking != 0,
                  [=] { std::memcpy(to, bytes_of(mem) + offset, bytes); },
                  {mem}},
                 {count, waits, out});
}

cl_int enqueue_write(cl_command_queue queue, cl_mem mem, cl_bool blocking, size_t offset,
                     size_t bytes, const void* from, cl_uint count, const cl_event* waits,
                     cl_event* out) {
  return enqueue(queue,
                 {CL_COMMAND_WRITE_BUFFER,
                  0,
                  blocking != 0,
                  [=] { std::memcpy(bytes_of(mem) + offset, from, bytes); },
                  {mem}},
                 {count, waits, out});
}

cl_int enqueue_copy(cl_command_queue queue, cl_mem from, cl_mem to, size_t at, size_t into,
                    size_t bytes, cl_uint count, const cl_event* waits, cl_event* out) {
  return enqueue(queue,
                 {CL_COMMAND_COPY_BUFFER,
                  bytes / script().bytes_per_ns,
                  false,
                  [=] { std::memmove(bytes_of(to) + into, bytes_of(from) + at, bytes); },
                  {from, to}},
                 {count, waits, out});
}

cl_int enqueue_fill(cl_command_queue queue, cl_mem mem, const void* pattern, size_t pattern_bytes,
                    size_t offset, size_t bytes, cl_uint count, const cl_event* waits,
                    cl_event* out) {
  const std::string copy(static_cast<const char*>(pattern), pattern_bytes);
  const auto fill = [=] {
    char* const to = bytes_of(mem) + offset;
    size_t filled = std::min(copy.size(), bytes);
    std::memcpy(to, copy.data(), filled);
    for (size_t more = 0; filled < bytes; filled += more) {
      more = std::min(filled, bytes - filled);
      std::memcpy(to + filled, to, more);
    }
  };
  return enqueue(queue, {CL_COMMAND_FILL_BUFFER, bytes / script().bytes_per_ns, false, fill, {mem}},
                 {count, waits, out});
}

void* enqueue_map(cl_command_queue queue, cl_mem mem, cl_bool blocking, cl_map_flags, size_t offset,
                  size_t, cl_uint count, const cl_event* waits, cl_event* out, cl_int* status) {
  set_status(status, enqueue(queue, {CL_COMMAND_MAP_BUFFER, 0, blocking != 0, {}, {mem}},
                             {count, waits, out}));
  return bytes_of(mem) + offset;
}

cl_int enqueue_unmap(cl_command_queue queue, cl_mem mem, void*, cl_uint count,
                     const cl_event* waits, cl_event* out) {
  return enqueue(queue, {CL_COMMAND_UNMAP_MEM_OBJECT, 0, false, {}, {mem}}, {count, waits, out});
}

cl_int enqueue_native(cl_command_queue queue, void(CL_CALLBACK* function)(void*), void* arguments,
                      size_t bytes, cl_uint, const cl_mem*, const void**, cl_uint count,
                      const cl_event* waits, cl_event* out) {
  std::string copy(static_cast<const char*>(arguments), bytes);
  const auto call = [=]() mutable { function(copy.data()); };
  return enqueue(queue, {CL_COMMAND_NATIVE_KERNEL, script().kernel_us * 1000, false, call, {}},
                 {count, waits, out});
}

using SvmFree = void(CL_CALLBACK*)(cl_command_queue, cl_uint, void*[], void*);

cl_int enqueue_svm_free(cl_command_queue queue, cl_uint pointer_count, void* pointers[],
                        SvmFree free_them, void* data, cl_uint count, const cl_event* waits,
                        cl_event* out) {
  std::vector<void*> list(pointers, pointers + pointer_count);
  const auto free_all = [=]() mutable {
    if (free_them != nullptr) {
      free_them(queue, pointer_count, list.data(), data);
      return;
    }
    for (void* pointer : list) dispatch_table.clSVMFree(queue->context, pointer);
  };
  return enqueue(queue, {CL_COMMAND_SVM_FREE, 0, false, free_all, {}}, {count, waits, out});
}

cl_int enqueue_svm_copy(cl_command_queue queue, cl_bool blocking, void* to, const void* from,
                        size_t bytes, cl_uint count, const cl_event* waits, cl_event* out) {
  return enqueue(queue,
                 {CL_COMMAND_SVM_MEMCPY,
                  bytes / script().bytes_per_ns,
                  blocking != 0,
                  [=] { std::memmove(to, from, bytes); },
                  {}},
                 {count, waits, out});
}

}  // namespace

void add_transfers(cl_icd_dispatch& table) {
  table.clEnqueueReadBuffer = enqueue_read;
  table.clEnqueueWriteBuffer = enqueue_write;
  table.clEnqueueCopyBuffer = enqueue_copy;
  table.clEnqueueFillBuffer = enqueue_fill;
  table.clEnqueueMapBuffer = enqueue_map;
  table.clEnqueueUnmapMemObject = enqueue_unmap;
  table.clEnqueueNativeKernel = enqueue_native;
  table.clEnqueueSVMFree = enqueue_svm_free;
  table.clEnqueueSVMMemcpy = enqueue_svm_copy;
}

}  // namespace melon::sim

// SPDX-License-Identifier: Apache-2.0
// Every command of a queue: what it costs, and on to the driver.

#include "shim/opencl/launch.h"

namespace melon::shim {
namespace {

// Keys of commands that have no kernel: one for each of like cost.
constexpr char kKinds[10] = {};
constexpr const void* kRead = &kKinds[0];
constexpr const void* kWrite = &kKinds[1];
constexpr const void* kCopy = &kKinds[2];
constexpr const void* kFill = &kKinds[3];
constexpr const void* kReadImage = &kKinds[4];
constexpr const void* kWriteImage = &kKinds[5];
constexpr const void* kCopyImage = &kKinds[6];
constexpr const void* kFillImage = &kKinds[7];
constexpr const void* kMap = &kKinds[8];
constexpr const void* kUnmap = &kKinds[9];
constexpr const void* kMigrate = kMap;

std::uint64_t total_items(cl_uint dimensions, const size_t* sizes) {
  if (sizes == nullptr || dimensions == 0 || dimensions > 3) return 1;
  std::uint64_t total = sizes[0];
  for (cl_uint i = 1; i < dimensions; ++i) total *= sizes[i];
  return total;
}

std::uint64_t volume(const size_t* region) {
  return region == nullptr ? 0 : std::uint64_t{region[0]} * region[1] * region[2];
}

}  // namespace

namespace hook {

cl_int clEnqueueNDRangeKernel(const Driver& next, cl_command_queue command_queue, cl_kernel kernel,
                              cl_uint work_dim, const size_t* global_work_offset,
                              const size_t* global_work_size, const size_t* local_work_size,
                              cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                              cl_event* event) {
  return pass(next, &Driver::clEnqueueNDRangeKernel,
              units(kernel, total_items(work_dim, global_work_size)),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, kernel, work_dim,
              global_work_offset, global_work_size, local_work_size);
}

cl_int clEnqueueTask(const Driver& next, cl_command_queue command_queue, cl_kernel kernel,
                     cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                     cl_event* event) {
  return pass(next, &Driver::clEnqueueTask, units(kernel, 1),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, kernel);
}

cl_int clEnqueueNativeKernel(const Driver& next, cl_command_queue command_queue,
                             void(CL_CALLBACK* user_func)(void*), void* args, size_t cb_args,
                             cl_uint num_mem_objects, const cl_mem* mem_list,
                             const void** args_mem_loc, cl_uint num_events_in_wait_list,
                             const cl_event* event_wait_list, cl_event* event) {
  return pass(next, &Driver::clEnqueueNativeKernel,
              units(reinterpret_cast<const void*>(user_func), 1),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, user_func, args,
              cb_args, num_mem_objects, mem_list, args_mem_loc);
}

cl_int clEnqueueReadBuffer(const Driver& next, cl_command_queue command_queue, cl_mem buffer,
                           cl_bool blocking_read, size_t offset, size_t size, void* ptr,
                           cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                           cl_event* event) {
  return pass(next, &Driver::clEnqueueReadBuffer, transfer(kRead, size),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, buffer,
              blocking_read, offset, size, ptr);
}

cl_int clEnqueueWriteBuffer(const Driver& next, cl_command_queue command_queue, cl_mem buffer,
                            cl_bool blocking_write, size_t offset, size_t size, const void* ptr,
                            cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                            cl_event* event) {
  return pass(next, &Driver::clEnqueueWriteBuffer, transfer(kWrite, size),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, buffer,
              blocking_write, offset, size, ptr);
}

cl_int clEnqueueReadBufferRect(const Driver& next, cl_command_queue command_queue, cl_mem buffer,
                               cl_bool blocking_read, const size_t* buffer_origin,
                               const size_t* host_origin, const size_t* region,
                               size_t buffer_row_pitch, size_t buffer_slice_pitch,
                               size_t host_row_pitch, size_t host_slice_pitch, void* ptr,
                               cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                               cl_event* event) {
  return pass(next, &Driver::clEnqueueReadBufferRect, transfer(kRead, volume(region)),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, buffer,
              blocking_read, buffer_origin, host_origin, region, buffer_row_pitch,
              buffer_slice_pitch, host_row_pitch, host_slice_pitch, ptr);
}

cl_int clEnqueueWriteBufferRect(const Driver& next, cl_command_queue command_queue, cl_mem buffer,
                                cl_bool blocking_write, const size_t* buffer_origin,
                                const size_t* host_origin, const size_t* region,
                                size_t buffer_row_pitch, size_t buffer_slice_pitch,
                                size_t host_row_pitch, size_t host_slice_pitch, const void* ptr,
                                cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                                cl_event* event) {
  return pass(next, &Driver::clEnqueueWriteBufferRect, transfer(kWrite, volume(region)),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, buffer,
              blocking_write, buffer_origin, host_origin, region, buffer_row_pitch,
              buffer_slice_pitch, host_row_pitch, host_slice_pitch, ptr);
}

cl_int clEnqueueCopyBuffer(const Driver& next, cl_command_queue command_queue, cl_mem src_buffer,
                           cl_mem dst_buffer, size_t src_offset, size_t dst_offset, size_t size,
                           cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                           cl_event* event) {
  return pass(next, &Driver::clEnqueueCopyBuffer, units(kCopy, size),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, src_buffer,
              dst_buffer, src_offset, dst_offset, size);
}

cl_int clEnqueueCopyBufferRect(const Driver& next, cl_command_queue command_queue,
                               cl_mem src_buffer, cl_mem dst_buffer, const size_t* src_origin,
                               const size_t* dst_origin, const size_t* region, size_t src_row_pitch,
                               size_t src_slice_pitch, size_t dst_row_pitch, size_t dst_slice_pitch,
                               cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                               cl_event* event) {
  return pass(next, &Driver::clEnqueueCopyBufferRect, units(kCopy, volume(region)),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, src_buffer,
              dst_buffer, src_origin, dst_origin, region, src_row_pitch, src_slice_pitch,
              dst_row_pitch, dst_slice_pitch);
}

cl_int clEnqueueFillBuffer(const Driver& next, cl_command_queue command_queue, cl_mem buffer,
                           const void* pattern, size_t pattern_size, size_t offset, size_t size,
                           cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                           cl_event* event) {
  return pass(next, &Driver::clEnqueueFillBuffer, units(kFill, size),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, buffer, pattern,
              pattern_size, offset, size);
}

cl_int clEnqueueReadImage(const Driver& next, cl_command_queue command_queue, cl_mem image,
                          cl_bool blocking_read, const size_t* origin, const size_t* region,
                          size_t row_pitch, size_t slice_pitch, void* ptr,
                          cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                          cl_event* event) {
  return pass(next, &Driver::clEnqueueReadImage, transfer(kReadImage, volume(region)),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, image,
              blocking_read, origin, region, row_pitch, slice_pitch, ptr);
}

cl_int clEnqueueWriteImage(const Driver& next, cl_command_queue command_queue, cl_mem image,
                           cl_bool blocking_write, const size_t* origin, const size_t* region,
                           size_t input_row_pitch, size_t input_slice_pitch, const void* ptr,
                           cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                           cl_event* event) {
  return pass(next, &Driver::clEnqueueWriteImage, transfer(kWriteImage, volume(region)),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, image,
              blocking_write, origin, region, input_row_pitch, input_slice_pitch, ptr);
}

cl_int clEnqueueCopyImage(const Driver& next, cl_command_queue command_queue, cl_mem src_image,
                          cl_mem dst_image, const size_t* src_origin, const size_t* dst_origin,
                          const size_t* region, cl_uint num_events_in_wait_list,
                          const cl_event* event_wait_list, cl_event* event) {
  return pass(next, &Driver::clEnqueueCopyImage, units(kCopyImage, volume(region)),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, src_image,
              dst_image, src_origin, dst_origin, region);
}

cl_int clEnqueueCopyImageToBuffer(const Driver& next, cl_command_queue command_queue,
                                  cl_mem src_image, cl_mem dst_buffer, const size_t* src_origin,
                                  const size_t* region, size_t dst_offset,
                                  cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                                  cl_event* event) {
  return pass(next, &Driver::clEnqueueCopyImageToBuffer, units(kCopyImage, volume(region)),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, src_image,
              dst_buffer, src_origin, region, dst_offset);
}

cl_int clEnqueueCopyBufferToImage(const Driver& next, cl_command_queue command_queue,
                                  cl_mem src_buffer, cl_mem dst_image, size_t src_offset,
                                  const size_t* dst_origin, const size_t* region,
                                  cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                                  cl_event* event) {
  return pass(next, &Driver::clEnqueueCopyBufferToImage, units(kCopyImage, volume(region)),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, src_buffer,
              dst_image, src_offset, dst_origin, region);
}

cl_int clEnqueueFillImage(const Driver& next, cl_command_queue command_queue, cl_mem image,
                          const void* fill_color, const size_t* origin, const size_t* region,
                          cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                          cl_event* event) {
  return pass(next, &Driver::clEnqueueFillImage, units(kFillImage, volume(region)),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, image, fill_color,
              origin, region);
}

cl_int clEnqueueUnmapMemObject(const Driver& next, cl_command_queue command_queue, cl_mem memobj,
                               void* mapped_ptr, cl_uint num_events_in_wait_list,
                               const cl_event* event_wait_list, cl_event* event) {
  return pass(next, &Driver::clEnqueueUnmapMemObject, transfer(kUnmap, 1),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, memobj, mapped_ptr);
}

cl_int clEnqueueMigrateMemObjects(const Driver& next, cl_command_queue command_queue,
                                  cl_uint num_mem_objects, const cl_mem* mem_objects,
                                  cl_mem_migration_flags flags, cl_uint num_events_in_wait_list,
                                  const cl_event* event_wait_list, cl_event* event) {
  return pass(next, &Driver::clEnqueueMigrateMemObjects, transfer(kMigrate, num_mem_objects),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, num_mem_objects,
              mem_objects, flags);
}

cl_int clEnqueueSVMMemcpy(const Driver& next, cl_command_queue command_queue, cl_bool blocking_copy,
                          void* dst_ptr, const void* src_ptr, size_t size,
                          cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                          cl_event* event) {
  return pass(next, &Driver::clEnqueueSVMMemcpy, units(kCopy, size),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, blocking_copy,
              dst_ptr, src_ptr, size);
}

cl_int clEnqueueSVMMemFill(const Driver& next, cl_command_queue command_queue, void* svm_ptr,
                           const void* pattern, size_t pattern_size, size_t size,
                           cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                           cl_event* event) {
  return pass(next, &Driver::clEnqueueSVMMemFill, units(kFill, size),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, svm_ptr, pattern,
              pattern_size, size);
}

cl_int clEnqueueSVMMap(const Driver& next, cl_command_queue command_queue, cl_bool blocking_map,
                       cl_map_flags flags, void* svm_ptr, size_t size,
                       cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                       cl_event* event) {
  return pass(next, &Driver::clEnqueueSVMMap, transfer(kMap, size),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, blocking_map, flags,
              svm_ptr, size);
}

cl_int clEnqueueSVMUnmap(const Driver& next, cl_command_queue command_queue, void* svm_ptr,
                         cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                         cl_event* event) {
  return pass(next, &Driver::clEnqueueSVMUnmap, transfer(kUnmap, 1),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, svm_ptr);
}

cl_int clEnqueueSVMMigrateMem(const Driver& next, cl_command_queue command_queue,
                              cl_uint num_svm_pointers, const void** svm_pointers,
                              const size_t* sizes, cl_mem_migration_flags flags,
                              cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                              cl_event* event) {
  return pass(next, &Driver::clEnqueueSVMMigrateMem, transfer(kMigrate, num_svm_pointers),
              {num_events_in_wait_list, event_wait_list, event}, command_queue, num_svm_pointers,
              svm_pointers, sizes, flags);
}

void* clEnqueueMapBuffer(const Driver& next, cl_command_queue command_queue, cl_mem buffer,
                         cl_bool blocking_map, cl_map_flags map_flags, size_t offset, size_t size,
                         cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                         cl_event* event, cl_int* errcode_ret) {
  void* mapped = nullptr;
  const cl_int result =
      submit(next, command_queue, transfer(kMap, size),
             {num_events_in_wait_list, event_wait_list, event}, [&](cl_event* out) {
               cl_int status = CL_SUCCESS;
               mapped = next.clEnqueueMapBuffer(command_queue, buffer, blocking_map, map_flags,
                                                offset, size, num_events_in_wait_list,
                                                event_wait_list, out, &status);
               return status;
             });
  set_status(errcode_ret, result);
  return mapped;
}

void* clEnqueueMapImage(const Driver& next, cl_command_queue command_queue, cl_mem image,
                        cl_bool blocking_map, cl_map_flags map_flags, const size_t* origin,
                        const size_t* region, size_t* image_row_pitch, size_t* image_slice_pitch,
                        cl_uint num_events_in_wait_list, const cl_event* event_wait_list,
                        cl_event* event, cl_int* errcode_ret) {
  void* mapped = nullptr;
  const cl_int result =
      submit(next, command_queue, transfer(kMap, volume(region)),
             {num_events_in_wait_list, event_wait_list, event}, [&](cl_event* out) {
               cl_int status = CL_SUCCESS;
               mapped = next.clEnqueueMapImage(
                   command_queue, image, blocking_map, map_flags, origin, region, image_row_pitch,
                   image_slice_pitch, num_events_in_wait_list, event_wait_list, out, &status);
               return status;
             });
  set_status(errcode_ret, result);
  return mapped;
}

}  // namespace hook
}  // namespace melon::shim

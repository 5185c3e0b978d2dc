// SPDX-License-Identifier: Apache-2.0
// Memory objects of the simulated driver: counted exactly, backed at first use.

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>

#include "sim/opencl/icd.h"
#include "sim/opencl/script.h"
#include "sim/opencl/submission.h"

namespace melon::sim {
namespace {

std::mutex g_svm_mutex;
std::map<void*, std::pair<unsigned, std::uint64_t>> g_svm;  // device, counted bytes

unsigned device_of(cl_context context) {
  const cl_device_id first = context->devices.front();
  return first->parent != nullptr ? first->parent->number : first->number;
}

std::uint64_t rounded(std::uint64_t bytes) { return (bytes + 4095) & ~std::uint64_t{4095}; }

cl_mem make(cl_context context, cl_mem_object_type type, cl_mem_flags flags, size_t bytes,
            void* host, cl_int* status) {
  if (!count_allocation(device_of(context), rounded(bytes))) {
    set_status(status, CL_MEM_OBJECT_ALLOCATION_FAILURE);
    return nullptr;
  }
  auto* const mem = new _cl_mem;
  mem->context = context;
  context->references.fetch_add(1, std::memory_order_relaxed);
  mem->type = type;
  mem->flags = flags;
  mem->bytes = bytes;
  mem->counted = rounded(bytes);
  mem->host = host;
  set_status(status, CL_SUCCESS);
  return mem;
}

cl_mem create_buffer(cl_context context, cl_mem_flags flags, size_t bytes, void* host,
                     cl_int* status) {
  if (context == nullptr || bytes == 0 || bytes > script().memory_mib << 20) {
    set_status(status, context == nullptr ? CL_INVALID_CONTEXT : CL_INVALID_BUFFER_SIZE);
    return nullptr;
  }
  return make(context, CL_MEM_OBJECT_BUFFER, flags, bytes, host, status);
}

// Lists may name a file that another API exported; what is imported takes as much as the buffer.
bool are_known(const cl_mem_properties* list) {
  for (; list != nullptr && list[0] != 0; list += 2)
    if (list[0] != CL_EXTERNAL_MEMORY_HANDLE_OPAQUE_FD_KHR) return false;
  return true;
}

cl_mem create_buffer_with_properties(cl_context context, const cl_mem_properties* properties,
                                     cl_mem_flags flags, size_t bytes, void* host, cl_int* status) {
  if (!are_known(properties)) {
    set_status(status, CL_INVALID_PROPERTY);
    return nullptr;
  }
  return create_buffer(context, flags, bytes, host, status);
}

cl_mem view(cl_mem parent, cl_mem_object_type type, size_t offset, size_t bytes, cl_int* status) {
  auto* const mem = new _cl_mem;
  mem->context = parent->context;
  mem->context->references.fetch_add(1);
  mem->type = type;
  mem->flags = parent->flags;
  mem->bytes = bytes;
  mem->parent = parent;
  mem->offset = offset;
  parent->references.fetch_add(1);
  set_status(status, CL_SUCCESS);
  return mem;
}

cl_mem create_sub_buffer(cl_mem parent, cl_mem_flags, cl_buffer_create_type, const void* region,
                         cl_int* status) {
  const auto& part = *static_cast<const cl_buffer_region*>(region);
  return view(parent, CL_MEM_OBJECT_BUFFER, part.origin, part.size, status);
}

// Rows are padded to 256 bytes, so that the driver takes more than the plain product.
cl_mem create_image(cl_context context, cl_mem_flags flags, const cl_image_format* format,
                    const cl_image_desc* shape, void* host, cl_int* status) {
  if (format == nullptr || shape == nullptr) {
    set_status(status, format == nullptr ? CL_INVALID_IMAGE_FORMAT_DESCRIPTOR
                                         : CL_INVALID_IMAGE_DESCRIPTOR);
    return nullptr;
  }
  const size_t row = (shape->image_width * 4 + 255) & ~size_t{255};
  const size_t layers =
      std::max<size_t>(1, shape->image_depth) * std::max<size_t>(1, shape->image_array_size);
  const size_t bytes = row * std::max<size_t>(1, shape->image_height) * layers;
  if (shape->mem_object != nullptr)
    return view(shape->mem_object, shape->image_type, 0, bytes, status);
  return make(context, shape->image_type, flags, bytes, host, status);
}

cl_mem create_image_with_properties(cl_context context, const cl_mem_properties*,
                                    cl_mem_flags flags, const cl_image_format* format,
                                    const cl_image_desc* shape, void* host, cl_int* status) {
  return create_image(context, flags, format, shape, host, status);
}

cl_mem create_image_2d(cl_context context, cl_mem_flags flags, const cl_image_format* format,
                       size_t width, size_t height, size_t, void* host, cl_int* status) {
  cl_image_desc shape{};
  shape.image_type = CL_MEM_OBJECT_IMAGE2D;
  shape.image_width = width;
  shape.image_height = height;
  return create_image(context, flags, format, &shape, host, status);
}

cl_mem create_image_3d(cl_context context, cl_mem_flags flags, const cl_image_format* format,
                       size_t width, size_t height, size_t depth, size_t, size_t, void* host,
                       cl_int* status) {
  cl_image_desc shape{};
  shape.image_type = CL_MEM_OBJECT_IMAGE3D;
  shape.image_width = width;
  shape.image_height = height;
  shape.image_depth = depth;
  return create_image(context, flags, format, &shape, host, status);
}

cl_mem create_pipe(cl_context context, cl_mem_flags flags, cl_uint packet, cl_uint count,
                   const cl_pipe_properties*, cl_int* status) {
  return make(context, CL_MEM_OBJECT_PIPE, flags, size_t{packet} * count, nullptr, status);
}

/// Destroyed objects are kept for a while, so that a program that releases one twice is answered as
/// real drivers answer, instead of breaking memory.
void bury(cl_mem mem) {
  static std::mutex mutex;
  static std::deque<cl_mem>& buried = *new std::deque<cl_mem>;
  if (script().constant) return delete mem;
  const std::lock_guard guard(mutex);
  buried.push_back(mem);
  if (buried.size() <= 256) return;
  delete buried.front();
  buried.pop_front();
}

cl_int retain_mem(cl_mem mem) {
  if (mem->references.load() == 0) return CL_INVALID_MEM_OBJECT;
  retain(mem);
  return CL_SUCCESS;
}

void destroy(cl_mem mem) {
  const unsigned count = mem->callbacks.load();
  for (auto i = mem->more_callbacks.rbegin(); i != mem->more_callbacks.rend(); ++i)
    i->first(mem, i->second);
  for (unsigned i = std::min(count, 2U); i-- > 0;)
    mem->first_callbacks[i].function(mem, mem->first_callbacks[i].user_data);
  if (mem->parent != nullptr)
    release(mem->parent);
  else
    count_release(device_of(mem->context), mem->counted);
  std::free(mem->data);
  if (mem->context->references.fetch_sub(1) == 1) delete mem->context;
  bury(mem);
}

cl_int release_mem(cl_mem mem) {
  if (mem->references.load() == 0) return CL_INVALID_MEM_OBJECT;
  release(mem);
  return CL_SUCCESS;
}

cl_int set_destructor(cl_mem mem, _cl_mem::Destroyed function, void* user_data) {
  const unsigned at = mem->callbacks.fetch_add(1, std::memory_order_relaxed);
  if (at < 2)
    mem->first_callbacks[at] = {function, user_data};
  else
    mem->more_callbacks.emplace_back(function, user_data);
  return CL_SUCCESS;
}

cl_int get_mem_info(cl_mem mem, cl_mem_info what, size_t room, void* out, size_t* size) {
  switch (what) {
    case CL_MEM_TYPE:
      return answer(mem->type, room, out, size);
    case CL_MEM_FLAGS:
      return answer(mem->flags, room, out, size);
    case CL_MEM_SIZE:
      return answer(mem->bytes, room, out, size);
    case CL_MEM_HOST_PTR:
      return answer(mem->host, room, out, size);
    case CL_MEM_CONTEXT:
      return answer(mem->context, room, out, size);
    case CL_MEM_ASSOCIATED_MEMOBJECT:
      return answer(mem->parent, room, out, size);
    case CL_MEM_OFFSET:
      return answer(mem->offset, room, out, size);
    case CL_MEM_REFERENCE_COUNT:
      return answer<cl_uint>(mem->references.load(), room, out, size);
    case CL_MEM_MAP_COUNT:
      return answer<cl_uint>(0, room, out, size);
    default:
      return CL_INVALID_VALUE;
  }
}

void* svm_alloc(cl_context context, cl_svm_mem_flags, size_t bytes, cl_uint) {
  if (!count_allocation(device_of(context), rounded(bytes))) return nullptr;
  void* const address = std::calloc(1, bytes);
  const std::lock_guard guard(g_svm_mutex);
  g_svm[address] = {device_of(context), rounded(bytes)};
  return address;
}

void svm_free(cl_context, void* address) { free_by_address(address); }

}  // namespace

bool free_by_address(void* address) {
  {
    const std::lock_guard guard(g_svm_mutex);
    const auto found = g_svm.find(address);
    if (found == g_svm.end()) return false;
    count_release(found->second.first, found->second.second);
    g_svm.erase(found);
  }
  std::free(address);
  return true;
}

void retain(cl_mem mem) { mem->references.fetch_add(1, std::memory_order_relaxed); }

void release(cl_mem mem) {
  if (mem->references.fetch_sub(1) == 1) destroy(mem);
}

void add_memory(cl_icd_dispatch& table) {
  table.clCreateBuffer = create_buffer;
  table.clCreateBufferWithProperties = create_buffer_with_properties;
  table.clCreateSubBuffer = create_sub_buffer;
  table.clCreateImage = create_image;
  table.clCreateImageWithProperties = create_image_with_properties;
  table.clCreateImage2D = create_image_2d;
  table.clCreateImage3D = create_image_3d;
  table.clCreatePipe = create_pipe;
  table.clRetainMemObject = retain_mem;
  table.clReleaseMemObject = release_mem;
  table.clSetMemObjectDestructorCallback = set_destructor;
  table.clGetMemObjectInfo = get_mem_info;
  table.clSVMAlloc = svm_alloc;
  table.clSVMFree = svm_free;
}

}  // namespace melon::sim

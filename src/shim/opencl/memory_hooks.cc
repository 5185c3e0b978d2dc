// SPDX-License-Identifier: Apache-2.0
// Buffers, images and pipes: reserved before the driver is asked, released when it destroys them.

#include "shim/opencl/charges.h"
#include "shim/opencl/driver.h"
#include "shim/opencl/image_size.h"

namespace melon::shim {
namespace {

cl_mem refuse(cl_int status, cl_int* errcode_ret) {
  set_status(errcode_ret, status);
  return nullptr;
}

// Creates a memory object of `bytes` under the limit. `too_large` is the error above the largest
// allocation that the program is shown; else it is CL_MEM_OBJECT_ALLOCATION_FAILURE.
template <class Create>
cl_mem create_charged(const Driver& next, cl_context context, std::uint64_t bytes, cl_int too_large,
                      cl_int* errcode_ret, Create create) {
  const Tenant* const mine = tenant();
  const ContextRecord* const known = mine != nullptr ? context_record(next, context) : nullptr;
  if (known == nullptr || bytes == 0) return create(errcode_ret);  // the driver's to judge
  Charge* const charge = reserve(*known, bytes);
  if (charge == nullptr)
    return refuse(
        bytes > shown_max_alloc(*mine, *known) ? too_large : CL_MEM_OBJECT_ALLOCATION_FAILURE,
        errcode_ret);
  cl_int status = CL_SUCCESS;
  const cl_mem object = create_reserved(*charge, status, create);
  if (object == nullptr) {
    release(charge);
    return refuse(status, errcode_ret);
  }
  if (!bind(next, object, charge)) {
    next.clReleaseMemObject(object);
    release(charge);
    return refuse(CL_MEM_OBJECT_ALLOCATION_FAILURE, errcode_ret);
  }
  set_status(errcode_ret, status);
  return object;
}

// An image: what the driver really took is known only afterwards.
template <class Create>
cl_mem create_image(const Driver& next, cl_context context, std::uint64_t estimate,
                    cl_int* errcode_ret, Create create) {
  const Tenant* const mine = tenant();
  const ContextRecord* const known = mine != nullptr ? context_record(next, context) : nullptr;
  if (known == nullptr || estimate == 0) return create(errcode_ret);
  Charge* const charge = reserve(*known, estimate);
  if (charge == nullptr) return refuse(CL_MEM_OBJECT_ALLOCATION_FAILURE, errcode_ret);
  cl_int status = CL_SUCCESS;
  const cl_mem image = create_reserved(*charge, status, create);
  if (image == nullptr) {
    release(charge);
    return refuse(status, errcode_ret);
  }
  size_t bytes = 0;
  const bool told =
      next.clGetMemObjectInfo(image, CL_MEM_SIZE, sizeof bytes, &bytes, nullptr) == CL_SUCCESS;
  if ((told && !settle(charge, bytes)) || !bind(next, image, charge)) {
    next.clReleaseMemObject(image);
    release(charge);
    return refuse(CL_MEM_OBJECT_ALLOCATION_FAILURE, errcode_ret);
  }
  set_status(errcode_ret, status);
  return image;
}

}  // namespace

namespace hook {

cl_mem clCreateBuffer(const Driver& next, cl_context context, cl_mem_flags flags, size_t size,
                      void* host_ptr, cl_int* errcode_ret) {
  return create_charged(
      next, context, size, CL_INVALID_BUFFER_SIZE, errcode_ret,
      [&](cl_int* status) { return next.clCreateBuffer(context, flags, size, host_ptr, status); });
}

cl_int clReleaseMemObject(const Driver& next, cl_mem memobj) {
  const Releasing releasing;
  return next.clReleaseMemObject(memobj);
}

cl_mem clCreateBufferWithProperties(const Driver& next, cl_context context,
                                    const cl_mem_properties* properties, cl_mem_flags flags,
                                    size_t size, void* host_ptr, cl_int* errcode_ret) {
  return create_charged(next, context, size, CL_INVALID_BUFFER_SIZE, errcode_ret,
                        [&](cl_int* status) {
                          return next.clCreateBufferWithProperties(context, properties, flags, size,
                                                                   host_ptr, status);
                        });
}

cl_mem clCreateBufferWithPropertiesINTEL(const Driver& next,
                                         clCreateBufferWithPropertiesINTEL_fn real,
                                         cl_context context,
                                         const cl_mem_properties_intel* properties,
                                         cl_mem_flags flags, size_t size, void* host_ptr,
                                         cl_int* errcode_ret) {
  return create_charged(
      next, context, size, CL_INVALID_BUFFER_SIZE, errcode_ret,
      [&](cl_int* status) { return real(context, properties, flags, size, host_ptr, status); });
}

cl_mem clCreatePipe(const Driver& next, cl_context context, cl_mem_flags flags,
                    cl_uint pipe_packet_size, cl_uint pipe_max_packets,
                    const cl_pipe_properties* properties, cl_int* errcode_ret) {
  const std::uint64_t bytes = std::uint64_t{pipe_packet_size} * pipe_max_packets;
  return create_charged(next, context, bytes, CL_INVALID_PIPE_SIZE, errcode_ret,
                        [&](cl_int* status) {
                          return next.clCreatePipe(context, flags, pipe_packet_size,
                                                   pipe_max_packets, properties, status);
                        });
}

cl_mem clCreateImage(const Driver& next, cl_context context, cl_mem_flags flags,
                     const cl_image_format* image_format, const cl_image_desc* image_desc,
                     void* host_ptr, cl_int* errcode_ret) {
  return create_image(
      next, context, image_bytes(image_format, image_desc), errcode_ret, [&](cl_int* status) {
        return next.clCreateImage(context, flags, image_format, image_desc, host_ptr, status);
      });
}

cl_mem clCreateImageWithProperties(const Driver& next, cl_context context,
                                   const cl_mem_properties* properties, cl_mem_flags flags,
                                   const cl_image_format* image_format,
                                   const cl_image_desc* image_desc, void* host_ptr,
                                   cl_int* errcode_ret) {
  return create_image(next, context, image_bytes(image_format, image_desc), errcode_ret,
                      [&](cl_int* status) {
                        return next.clCreateImageWithProperties(
                            context, properties, flags, image_format, image_desc, host_ptr, status);
                      });
}

cl_mem clCreateImage2D(const Driver& next, cl_context context, cl_mem_flags flags,
                       const cl_image_format* image_format, size_t image_width, size_t image_height,
                       size_t image_row_pitch, void* host_ptr, cl_int* errcode_ret) {
  cl_image_desc shape{};
  shape.image_type = CL_MEM_OBJECT_IMAGE2D;
  shape.image_width = image_width;
  shape.image_height = image_height;
  shape.image_row_pitch = image_row_pitch;
  return create_image(
      next, context, image_bytes(image_format, &shape), errcode_ret, [&](cl_int* status) {
        return next.clCreateImage2D(context, flags, image_format, image_width, image_height,
                                    image_row_pitch, host_ptr, status);
      });
}

cl_mem clCreateImage3D(const Driver& next, cl_context context, cl_mem_flags flags,
                       const cl_image_format* image_format, size_t image_width, size_t image_height,
                       size_t image_depth, size_t image_row_pitch, size_t image_slice_pitch,
                       void* host_ptr, cl_int* errcode_ret) {
  cl_image_desc shape{};
  shape.image_type = CL_MEM_OBJECT_IMAGE3D;
  shape.image_width = image_width;
  shape.image_height = image_height;
  shape.image_depth = image_depth;
  shape.image_row_pitch = image_row_pitch;
  shape.image_slice_pitch = image_slice_pitch;
  return create_image(next, context, image_bytes(image_format, &shape), errcode_ret,
                      [&](cl_int* status) {
                        return next.clCreateImage3D(context, flags, image_format, image_width,
                                                    image_height, image_depth, image_row_pitch,
                                                    image_slice_pitch, host_ptr, status);
                      });
}

}  // namespace hook
}  // namespace melon::shim

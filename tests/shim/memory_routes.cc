// SPDX-License-Identifier: Apache-2.0
// Makes memory objects of a given size in every way that OpenCL has.

#include "memory_routes.h"

namespace melon::test {
namespace {

constexpr cl_image_format kFormat = {CL_RGBA, CL_UNSIGNED_INT8};
constexpr std::size_t kPixelBytes = 4;
constexpr std::size_t kRowPixels = 64;  // 256 bytes: the simulated driver pads no such row
constexpr std::size_t kRowBytes = kRowPixels * kPixelBytes;

char* host_memory() {
  static char* const memory = new char[2 * kMiB];
  return memory;
}

Object buffer_with(Scene& scene, std::size_t bytes, cl_int* status, cl_mem_flags flags) {
  const bool host = (flags & (CL_MEM_USE_HOST_PTR | CL_MEM_COPY_HOST_PTR)) != 0;
  return {clCreateBuffer(scene.context(), flags, bytes, host ? host_memory() : nullptr, status)};
}

cl_image_desc shape_of(cl_mem_object_type type, std::size_t bytes) {
  cl_image_desc shape{};
  const std::size_t rows = bytes / kRowBytes;
  shape.image_type = type;
  shape.image_width = type == CL_MEM_OBJECT_IMAGE1D ? bytes / kPixelBytes : kRowPixels;
  if (type == CL_MEM_OBJECT_IMAGE2D) shape.image_height = rows;
  if (type == CL_MEM_OBJECT_IMAGE1D_ARRAY) shape.image_array_size = rows;
  if (type == CL_MEM_OBJECT_IMAGE2D_ARRAY || type == CL_MEM_OBJECT_IMAGE3D) shape.image_height = 4;
  if (type == CL_MEM_OBJECT_IMAGE2D_ARRAY) shape.image_array_size = rows / 4;
  if (type == CL_MEM_OBJECT_IMAGE3D) shape.image_depth = rows / 4;
  return shape;
}

template <cl_mem_object_type kType>
Object image(Scene& scene, std::size_t bytes, cl_int* status) {
  const cl_image_desc shape = shape_of(kType, bytes);
  return {clCreateImage(scene.context(), CL_MEM_READ_WRITE, &kFormat, &shape, nullptr, status)};
}

template <cl_mem_flags kFlags>
Object buffer(Scene& scene, std::size_t bytes, cl_int* status) {
  return buffer_with(scene, bytes, status, kFlags);
}

Object buffer_with_properties(Scene& scene, std::size_t bytes, cl_int* status) {
  return {clCreateBufferWithProperties(scene.context(), nullptr, CL_MEM_READ_WRITE, bytes, nullptr,
                                       status)};
}

// What another API allocated and exported: it takes device memory of this program all the same.
Object imported_buffer(Scene& scene, std::size_t bytes, cl_int* status) {
  const cl_mem_properties imported[] = {CL_EXTERNAL_MEMORY_HANDLE_OPAQUE_FD_KHR, 0, 0};
  return {clCreateBufferWithProperties(scene.context(), imported, CL_MEM_READ_WRITE, bytes, nullptr,
                                       status)};
}

Object imported_image(Scene& scene, std::size_t bytes, cl_int* status) {
  const cl_mem_properties imported[] = {CL_EXTERNAL_MEMORY_HANDLE_OPAQUE_FD_KHR, 0, 0};
  const cl_image_desc shape = shape_of(CL_MEM_OBJECT_IMAGE2D, bytes);
  return {clCreateImageWithProperties(scene.context(), imported, CL_MEM_READ_WRITE, &kFormat,
                                      &shape, nullptr, status)};
}

Object image_with_properties(Scene& scene, std::size_t bytes, cl_int* status) {
  const cl_image_desc shape = shape_of(CL_MEM_OBJECT_IMAGE2D, bytes);
  return {clCreateImageWithProperties(scene.context(), nullptr, CL_MEM_READ_WRITE, &kFormat, &shape,
                                      nullptr, status)};
}

Object old_image_2d(Scene& scene, std::size_t bytes, cl_int* status) {
  return {clCreateImage2D(scene.context(), CL_MEM_READ_WRITE, &kFormat, kRowPixels,
                          bytes / kRowBytes, 0, nullptr, status)};
}

Object old_image_3d(Scene& scene, std::size_t bytes, cl_int* status) {
  return {clCreateImage3D(scene.context(), CL_MEM_READ_WRITE, &kFormat, kRowPixels, 4,
                          bytes / kRowBytes / 4, 0, 0, nullptr, status)};
}

Object pipe(Scene& scene, std::size_t bytes, cl_int* status) {
  return {clCreatePipe(scene.context(), CL_MEM_HOST_NO_ACCESS, 16, static_cast<cl_uint>(bytes / 16),
                       nullptr, status)};
}

template <cl_svm_mem_flags kFlags>
Object svm(Scene& scene, std::size_t bytes, cl_int* status) {
  *status = CL_SUCCESS;
  return {nullptr, clSVMAlloc(scene.context(), kFlags, bytes, 0)};
}

template <class Function>
Function extension(Scene& scene, const char* name) {
  return reinterpret_cast<Function>(
      clGetExtensionFunctionAddressForPlatform(scene.platform(), name));
}

Object intel_host(Scene& scene, std::size_t bytes, cl_int* status) {
  const auto alloc = extension<clHostMemAllocINTEL_fn>(scene, "clHostMemAllocINTEL");
  return {nullptr, alloc(scene.context(), nullptr, bytes, 0, status), true};
}

Object intel_device(Scene& scene, std::size_t bytes, cl_int* status) {
  const auto alloc = extension<clDeviceMemAllocINTEL_fn>(scene, "clDeviceMemAllocINTEL");
  return {nullptr, alloc(scene.context(), scene.device(), nullptr, bytes, 0, status), true};
}

Object intel_shared(Scene& scene, std::size_t bytes, cl_int* status) {
  const auto alloc = extension<clSharedMemAllocINTEL_fn>(scene, "clSharedMemAllocINTEL");
  return {nullptr, alloc(scene.context(), scene.device(), nullptr, bytes, 0, status), true};
}

Object intel_buffer(Scene& scene, std::size_t bytes, cl_int* status) {
  const auto create =
      extension<clCreateBufferWithPropertiesINTEL_fn>(scene, "clCreateBufferWithPropertiesINTEL");
  return {create(scene.context(), nullptr, CL_MEM_READ_WRITE, bytes, nullptr, status)};
}

}  // namespace

const std::vector<Route>& routes() {
  static const std::vector<Route> all = {
      {"buffer", buffer<CL_MEM_READ_WRITE>},
      {"buffer_using_host_pointer", buffer<CL_MEM_USE_HOST_PTR>},
      {"buffer_in_host_memory", buffer<CL_MEM_ALLOC_HOST_PTR>},
      {"buffer_copied_from_host", buffer<CL_MEM_COPY_HOST_PTR>},
      {"buffer_with_properties", buffer_with_properties},
      {"buffer_imported", imported_buffer},
      {"intel_buffer_with_properties", intel_buffer},
      {"image_1d", image<CL_MEM_OBJECT_IMAGE1D>},
      {"image_1d_array", image<CL_MEM_OBJECT_IMAGE1D_ARRAY>},
      {"image_2d", image<CL_MEM_OBJECT_IMAGE2D>},
      {"image_2d_array", image<CL_MEM_OBJECT_IMAGE2D_ARRAY>},
      {"image_3d", image<CL_MEM_OBJECT_IMAGE3D>},
      {"image_with_properties", image_with_properties},
      {"image_imported", imported_image},
      {"old_image_2d", old_image_2d},
      {"old_image_3d", old_image_3d},
      {"pipe", pipe},
      {"svm", svm<CL_MEM_READ_WRITE>, 0},
      {"svm_fine_grain", svm<CL_MEM_READ_WRITE | CL_MEM_SVM_FINE_GRAIN_BUFFER>, 0},
      {"intel_host", intel_host, CL_OUT_OF_RESOURCES},
      {"intel_device", intel_device, CL_OUT_OF_RESOURCES},
      {"intel_shared", intel_shared, CL_OUT_OF_RESOURCES},
  };
  return all;
}

void release(Scene& scene, const Object& object) {
  if (object.mem != nullptr)
    clReleaseMemObject(object.mem);
  else if (object.intel)
    extension<clMemFreeINTEL_fn>(scene, "clMemFreeINTEL")(scene.context(), object.address);
  else
    clSVMFree(scene.context(), object.address);
}

}  // namespace melon::test

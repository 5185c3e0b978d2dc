// SPDX-License-Identifier: Apache-2.0
// Opens the first OpenCL device and takes memory of it.
#include "device.h"

#include <stdio.h>
#include <stdlib.h>

static const size_t kChunkBytes = (size_t)256 << 20;

const char* error_name(cl_int status) {
  switch (status) {
    case CL_SUCCESS:
      return "CL_SUCCESS";
    case CL_DEVICE_NOT_FOUND:
      return "CL_DEVICE_NOT_FOUND";
    case CL_MEM_OBJECT_ALLOCATION_FAILURE:
      return "CL_MEM_OBJECT_ALLOCATION_FAILURE";
    case CL_OUT_OF_RESOURCES:
      return "CL_OUT_OF_RESOURCES";
    case CL_OUT_OF_HOST_MEMORY:
      return "CL_OUT_OF_HOST_MEMORY";
    case CL_INVALID_BUFFER_SIZE:
      return "CL_INVALID_BUFFER_SIZE";
    case -1001:
      return "CL_PLATFORM_NOT_FOUND_KHR";
    default:
      return "OpenCL error";
  }
}

void check(cl_int status, const char* what) {
  if (status == CL_SUCCESS) return;
  fprintf(stderr, "melon-demo-load: %s: %s (%d)\n", what, error_name(status), status);
  exit(1);
}

struct device device_open(void) {
  struct device device = {0};
  cl_platform_id platform;
  cl_int status;
  check(clGetPlatformIDs(1, &platform, NULL), "clGetPlatformIDs");
  check(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device.id, NULL), "clGetDeviceIDs");
  device.context = clCreateContext(NULL, 1, &device.id, NULL, NULL, &status);
  check(status, "clCreateContext");
  device.queue = clCreateCommandQueue(device.context, device.id, 0, &status);
  check(status, "clCreateCommandQueue");

  cl_uint units = 0;
  cl_ulong memory = 0, largest = 0;
  clGetDeviceInfo(device.id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL);
  clGetDeviceInfo(device.id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory, NULL);
  clGetDeviceInfo(device.id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof largest, &largest, NULL);
  clGetDeviceInfo(device.id, CL_DEVICE_NAME, sizeof device.name, device.name, NULL);
  device.units = units;
  device.memory_bytes = (size_t)memory;
  device.largest_bytes = (size_t)largest;
  return device;
}

static size_t chunk_at(const struct taken* taken, size_t index) {
  const size_t left = taken->bytes - index * kChunkBytes;
  return left < kChunkBytes ? left : kChunkBytes;
}

cl_int take(const struct device* device, size_t bytes, struct taken* taken) {
  const size_t most = sizeof taken->buffers / sizeof taken->buffers[0];
  cl_int status = bytes <= most * kChunkBytes ? CL_SUCCESS : CL_OUT_OF_RESOURCES;
  taken->count = 0;
  taken->bytes = bytes;
  while (status == CL_SUCCESS && taken->count * kChunkBytes < bytes) {
    const size_t chunk = chunk_at(taken, taken->count);
    const cl_mem buffer = clCreateBuffer(device->context, CL_MEM_READ_WRITE, chunk, NULL, &status);
    if (status == CL_SUCCESS) taken->buffers[taken->count++] = buffer;
  }
  if (status != CL_SUCCESS) {
    while (taken->count > 0) clReleaseMemObject(taken->buffers[--taken->count]);
  }
  return status;
}

void fill(const struct device* device, const struct taken* taken) {
  const cl_uint pattern = 0x5eed5eedu;
  for (size_t i = 0; i < taken->count; i++) {
    check(clEnqueueFillBuffer(device->queue, taken->buffers[i], &pattern, sizeof pattern, 0,
                              chunk_at(taken, i), 0, NULL, NULL),
          "clEnqueueFillBuffer");
  }
  check(clFinish(device->queue), "clFinish");
}

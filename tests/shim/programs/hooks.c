// SPDX-License-Identifier: Apache-2.0
// Allocates and launches, and tells the answers: the device's memory, a buffer of 1 MiB and a byte,
// one of 512 KiB, one of 1 MiB, the first again after the second's release; then what came of 100
// launches of 1 ms, each with the program's own event, callback and wait.
#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <stdio.h>

static int completions = 0;

static void CL_CALLBACK on_complete(cl_event event, cl_int status, void* data) {
  (void)event, (void)data;
  if (status == CL_COMPLETE) ++completions;
}

static cl_mem allocate(cl_context context, size_t bytes) {
  cl_int status = 1;
  cl_mem const made = clCreateBuffer(context, CL_MEM_READ_WRITE, bytes, NULL, &status);
  printf(" %d", status);
  return made;
}

static cl_int launch(cl_command_queue queue, cl_kernel kernel) {
  const size_t items = 64;
  cl_event event = NULL;
  cl_int status = clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &items, NULL, 0, NULL, &event);
  if (status != CL_SUCCESS) return status;
  status = clSetEventCallback(event, CL_COMPLETE, on_complete, NULL);
  return status != CL_SUCCESS ? status : clReleaseEvent(event);
}

int main(void) {
  cl_platform_id platform = NULL;
  cl_device_id device = NULL;
  cl_ulong memory = 0;
  if (clGetPlatformIDs(1, &platform, NULL) != CL_SUCCESS) return 4;
  if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL) != CL_SUCCESS) return 5;
  clGetDeviceInfo(device, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory, NULL);
  cl_context const context = clCreateContext(NULL, 1, &device, NULL, NULL, NULL);
  printf("%lu", (unsigned long)memory);
  allocate(context, (1 << 20) + 1);
  cl_mem const held = allocate(context, 1 << 19);
  allocate(context, 1 << 20);
  if (held != NULL) clReleaseMemObject(held);
  allocate(context, 1 << 20);
  const char* text = "";
  cl_program const program = clCreateProgramWithSource(context, 1, &text, NULL, NULL);
  cl_kernel const kernel = clCreateKernel(program, "k", NULL);
  cl_command_queue const queue = clCreateCommandQueue(context, device, 0, NULL);
  cl_int status = CL_SUCCESS;
  for (int i = 0; i < 100 && status == CL_SUCCESS; ++i) status = launch(queue, kernel);
  if (status == CL_SUCCESS) status = clFinish(queue);
  clReleaseCommandQueue(queue);
  printf(" %d %d\n", status, completions);
  return 0;
}

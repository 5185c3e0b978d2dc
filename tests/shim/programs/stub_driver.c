// SPDX-License-Identifier: Apache-2.0
// The least OpenCL driver with which allocations and launches pass through libmelon.so: a stub in C
// for systems on which the simulated driver's C++ runtime is too new. One device of 1 GiB; commands
// are complete when their call returns, and last 1 ms each by their own account.
#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#include <CL/cl_icd.h>
#include <stdlib.h>
#include <string.h>

enum { kDuration = 1000000 };  // of a command, ns

extern cl_icd_dispatch stub_table;

struct _cl_platform_id {
  cl_icd_dispatch* dispatch;
};
struct _cl_device_id {
  cl_icd_dispatch* dispatch;
};
struct _cl_context {
  cl_icd_dispatch* dispatch;
};
struct _cl_program {
  cl_icd_dispatch* dispatch;
};
struct _cl_kernel {
  cl_icd_dispatch* dispatch;
};
struct _cl_command_queue {
  cl_icd_dispatch* dispatch;
  cl_command_queue_properties flags;
};
struct _cl_mem {
  cl_icd_dispatch* dispatch;
  void(CL_CALLBACK* destroyed)(cl_mem, void*);
  void* user_data;
};
struct _cl_event {
  cl_icd_dispatch* dispatch;
  cl_command_queue queue;
  cl_uint references;
  cl_ulong start;
};

static struct _cl_platform_id platform = {&stub_table};
static struct _cl_device_id device = {&stub_table};
static cl_ulong now = 0;  // of the device, ns

static cl_int answer(const void* value, size_t bytes, size_t room, void* out, size_t* out_bytes) {
  if (out != NULL && room < bytes) return CL_INVALID_VALUE;
  if (out != NULL) memcpy(out, value, bytes);
  if (out_bytes != NULL) *out_bytes = bytes;
  return CL_SUCCESS;
}

static void* made(size_t bytes, cl_int* status) {
  cl_icd_dispatch** const object = calloc(1, bytes);
  *object = &stub_table;
  if (status != NULL) *status = CL_SUCCESS;
  return object;
}

static cl_int CL_API_CALL get_platforms(cl_uint room, cl_platform_id* out, cl_uint* count) {
  if (out != NULL && room > 0) *out = &platform;
  if (count != NULL) *count = 1;
  return CL_SUCCESS;
}

static cl_int CL_API_CALL get_platform_info(cl_platform_id of, cl_platform_info what, size_t room,
                                            void* out, size_t* bytes) {
  (void)of;
  const char* text = "Melon Stub";
  if (what == CL_PLATFORM_EXTENSIONS) text = "cl_khr_icd";
  if (what == CL_PLATFORM_ICD_SUFFIX_KHR) text = "STUB";
  if (what == CL_PLATFORM_VERSION) text = "OpenCL 3.0 stub";
  return answer(text, strlen(text) + 1, room, out, bytes);
}

static cl_int CL_API_CALL get_devices(cl_platform_id of, cl_device_type type, cl_uint room,
                                      cl_device_id* out, cl_uint* count) {
  (void)of, (void)type;
  if (out != NULL && room > 0) *out = &device;
  if (count != NULL) *count = 1;
  return CL_SUCCESS;
}

static cl_int CL_API_CALL get_device_info(cl_device_id of, cl_device_info what, size_t room,
                                          void* out, size_t* bytes) {
  (void)of;
  const cl_ulong memory = 1UL << 30;
  const cl_device_type type = CL_DEVICE_TYPE_GPU;
  const cl_uint units = 1;
  const cl_platform_id owner = &platform;
  const cl_device_id parent = NULL;
  switch (what) {
    case CL_DEVICE_GLOBAL_MEM_SIZE:
    case CL_DEVICE_MAX_MEM_ALLOC_SIZE:
      return answer(&memory, sizeof memory, room, out, bytes);
    case CL_DEVICE_TYPE:
      return answer(&type, sizeof type, room, out, bytes);
    case CL_DEVICE_MAX_COMPUTE_UNITS:
      return answer(&units, sizeof units, room, out, bytes);
    case CL_DEVICE_PLATFORM:
      return answer(&owner, sizeof owner, room, out, bytes);
    case CL_DEVICE_PARENT_DEVICE:
      return answer(&parent, sizeof parent, room, out, bytes);
    case CL_DEVICE_NAME:
      return answer("device", sizeof "device", room, out, bytes);
    case CL_DEVICE_EXTENSIONS:
      return answer("", 1, room, out, bytes);
    default:
      return CL_INVALID_VALUE;
  }
}

static cl_context CL_API_CALL create_context(const cl_context_properties* list, cl_uint count,
                                             const cl_device_id* devices,
                                             void(CL_CALLBACK* notify)(const char*, const void*,
                                                                       size_t, void*),
                                             void* user_data, cl_int* status) {
  (void)list, (void)count, (void)devices, (void)notify, (void)user_data;
  return made(sizeof(struct _cl_context), status);
}

static cl_int CL_API_CALL get_context_info(cl_context of, cl_context_info what, size_t room,
                                           void* out, size_t* bytes) {
  (void)of;
  const cl_device_id one = &device;
  const cl_uint count = 1;
  if (what == CL_CONTEXT_DEVICES) return answer(&one, sizeof one, room, out, bytes);
  if (what == CL_CONTEXT_NUM_DEVICES) return answer(&count, sizeof count, room, out, bytes);
  return CL_INVALID_VALUE;
}

static cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t bytes,
                                        void* host, cl_int* status) {
  (void)context, (void)flags, (void)bytes, (void)host;
  return made(sizeof(struct _cl_mem), status);
}

static cl_int CL_API_CALL on_destruction(cl_mem mem, void(CL_CALLBACK* notify)(cl_mem, void*),
                                         void* user_data) {
  mem->destroyed = notify;
  mem->user_data = user_data;
  return CL_SUCCESS;
}

static cl_int CL_API_CALL release_mem(cl_mem mem) {
  if (mem->destroyed != NULL) mem->destroyed(mem, mem->user_data);
  free(mem);
  return CL_SUCCESS;
}

static cl_command_queue CL_API_CALL create_queue(cl_context context, cl_device_id of,
                                                 cl_command_queue_properties flags,
                                                 cl_int* status) {
  (void)context, (void)of;
  cl_command_queue const queue = made(sizeof(struct _cl_command_queue), status);
  queue->flags = flags;
  return queue;
}

static cl_int CL_API_CALL get_queue_info(cl_command_queue queue, cl_command_queue_info what,
                                         size_t room, void* out, size_t* bytes) {
  const cl_device_id one = &device;
  const cl_uint references = 1;
  if (what == CL_QUEUE_DEVICE) return answer(&one, sizeof one, room, out, bytes);
  if (what == CL_QUEUE_REFERENCE_COUNT)
    return answer(&references, sizeof references, room, out, bytes);
  return answer(&queue->flags, sizeof queue->flags, room, out, bytes);
}

static cl_int CL_API_CALL finish(cl_command_queue queue) { return (void)queue, CL_SUCCESS; }

static cl_int CL_API_CALL release_queue(cl_command_queue queue) { return free(queue), CL_SUCCESS; }

static cl_program CL_API_CALL create_program(cl_context context, cl_uint count, const char** texts,
                                             const size_t* sizes, cl_int* status) {
  (void)context, (void)count, (void)texts, (void)sizes;
  return made(sizeof(struct _cl_program), status);
}

static cl_kernel CL_API_CALL create_kernel(cl_program program, const char* name, cl_int* status) {
  (void)program, (void)name;
  return made(sizeof(struct _cl_kernel), status);
}

static cl_int CL_API_CALL enqueue(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                  const size_t* offset, const size_t* global, const size_t* local,
                                  cl_uint count, const cl_event* waits, cl_event* out) {
  (void)kernel, (void)dimensions, (void)offset, (void)global, (void)local, (void)count, (void)waits;
  now += kDuration;
  if (out == NULL) return CL_SUCCESS;
  *out = made(sizeof(struct _cl_event), NULL);
  (*out)->queue = queue;
  (*out)->references = 1;
  (*out)->start = now - kDuration;
  return CL_SUCCESS;
}

static cl_int CL_API_CALL set_callback(cl_event event, cl_int type,
                                       void(CL_CALLBACK* notify)(cl_event, cl_int, void*),
                                       void* user_data) {
  (void)type;
  notify(event, CL_COMPLETE, user_data);
  return CL_SUCCESS;
}

static cl_int CL_API_CALL get_event_info(cl_event event, cl_event_info what, size_t room, void* out,
                                         size_t* bytes) {
  if (what != CL_EVENT_COMMAND_QUEUE) return CL_INVALID_VALUE;
  return answer(&event->queue, sizeof event->queue, room, out, bytes);
}

static cl_int CL_API_CALL get_times(cl_event event, cl_profiling_info what, size_t room, void* out,
                                    size_t* bytes) {
  const cl_ulong time = event->start + (what == CL_PROFILING_COMMAND_END ? kDuration : 0);
  return answer(&time, sizeof time, room, out, bytes);
}

static cl_int CL_API_CALL retain_event(cl_event event) { return ++event->references, CL_SUCCESS; }

static cl_int CL_API_CALL release_event(cl_event event) {
  if (--event->references == 0) free(event);
  return CL_SUCCESS;
}

cl_icd_dispatch stub_table = {
    .clGetPlatformIDs = get_platforms,
    .clGetPlatformInfo = get_platform_info,
    .clGetDeviceIDs = get_devices,
    .clGetDeviceInfo = get_device_info,
    .clCreateContext = create_context,
    .clGetContextInfo = get_context_info,
    .clCreateBuffer = create_buffer,
    .clSetMemObjectDestructorCallback = on_destruction,
    .clReleaseMemObject = release_mem,
    .clCreateCommandQueue = create_queue,
    .clGetCommandQueueInfo = get_queue_info,
    .clFlush = finish,
    .clFinish = finish,
    .clReleaseCommandQueue = release_queue,
    .clCreateProgramWithSource = create_program,
    .clCreateKernel = create_kernel,
    .clEnqueueNDRangeKernel = enqueue,
    .clSetEventCallback = set_callback,
    .clGetEventInfo = get_event_info,
    .clGetEventProfilingInfo = get_times,
    .clRetainEvent = retain_event,
    .clReleaseEvent = release_event,
};

CL_API_ENTRY cl_int CL_API_CALL clIcdGetPlatformIDsKHR(cl_uint room, cl_platform_id* out,
                                                       cl_uint* count) {
  return get_platforms(room, out, count);
}

CL_API_ENTRY void* CL_API_CALL clGetExtensionFunctionAddress(const char* name) {
  if (strcmp(name, "clIcdGetPlatformIDsKHR") == 0) return (void*)clIcdGetPlatformIDsKHR;
  return strcmp(name, "clGetPlatformInfo") == 0 ? (void*)get_platform_info : NULL;
}

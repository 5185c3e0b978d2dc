// SPDX-License-Identifier: Apache-2.0
// Reaches OpenCL in one of many ways (argv[1]) and tells what it finds: the device's memory, the
// answers to a buffer that is too large, one that fits and one too many, and what REPORT prints.
// Exit status 3: OpenCL's first use changed the process's signals, mask or environment.
#define _GNU_SOURCE
#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct functions {
  cl_int (*GetPlatformIDs)(cl_uint, cl_platform_id*, cl_uint*);
  cl_int (*GetDeviceIDs)(cl_platform_id, cl_device_type, cl_uint, cl_device_id*, cl_uint*);
  cl_int (*GetDeviceInfo)(cl_device_id, cl_device_info, size_t, void*, size_t*);
  cl_context (*CreateContext)(const cl_context_properties*, cl_uint, const cl_device_id*,
                              void (*)(const char*, const void*, size_t, void*), void*, cl_int*);
  cl_mem (*CreateBuffer)(cl_context, cl_mem_flags, size_t, void*, cl_int*);
  void* (*GetExtensionFunctionAddressForPlatform)(cl_platform_id, const char*);
};

#ifdef LINKED
struct functions find(const char* way) {
  (void)way;
  struct functions f = {clGetPlatformIDs, clGetDeviceIDs, clGetDeviceInfo,
                        clCreateContext,  clCreateBuffer, clGetExtensionFunctionAddressForPlatform};
  return f;
}
#else
static struct functions from_handle(void* handle) {
  struct functions f;
  *(void**)&f.GetPlatformIDs = dlsym(handle, "clGetPlatformIDs");
  *(void**)&f.GetDeviceIDs = dlsym(handle, "clGetDeviceIDs");
  *(void**)&f.GetDeviceInfo = dlsym(handle, "clGetDeviceInfo");
  *(void**)&f.CreateContext = dlsym(handle, "clCreateContext");
  *(void**)&f.CreateBuffer = dlsym(handle, "clCreateBuffer");
  *(void**)&f.GetExtensionFunctionAddressForPlatform =
      dlsym(handle, "clGetExtensionFunctionAddressForPlatform");
  return f;
}

// The version that ocl-icd and Khronos's loader give to OpenCL 1.0 and 1.2's functions.
static struct functions from_handle_by_version(void* handle) {
  struct functions f;
  *(void**)&f.GetPlatformIDs = dlvsym(handle, "clGetPlatformIDs", "OPENCL_1.0");
  *(void**)&f.GetDeviceIDs = dlvsym(handle, "clGetDeviceIDs", "OPENCL_1.0");
  *(void**)&f.GetDeviceInfo = dlvsym(handle, "clGetDeviceInfo", "OPENCL_1.0");
  *(void**)&f.CreateContext = dlvsym(handle, "clCreateContext", "OPENCL_1.0");
  *(void**)&f.CreateBuffer = dlvsym(handle, "clCreateBuffer", "OPENCL_1.0");
  *(void**)&f.GetExtensionFunctionAddressForPlatform =
      dlvsym(handle, "clGetExtensionFunctionAddressForPlatform", "OPENCL_1.2");
  return f;
}

static void* open_or_die(void* handle) {
  if (handle != NULL) return handle;
  fprintf(stderr, "%s\n", dlerror());
  exit(4);
}

// MODULE is a library that is linked with the loader and hands out its own view of the functions.
static struct functions from_module(void* module) {
  struct functions (*find_in_module)(const char*) = NULL;
  *(void**)&find_in_module = dlsym(module, "find");
  return find_in_module("");
}

static struct functions find(const char* way) {
  const char* const module = getenv("MODULE");
  const char* const loader = getenv("LOADER");
  if (strcmp(way, "dlopen") == 0)
    return from_handle(open_or_die(dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL)));
  if (strcmp(way, "dlvsym") == 0)
    return from_handle_by_version(open_or_die(dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL)));
  if (strcmp(way, "dlopen_global") == 0) {
    open_or_die(dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_GLOBAL));
    return from_handle(RTLD_DEFAULT);
  }
  if (strcmp(way, "bundled") == 0)
    return from_handle(open_or_die(dlopen(loader, RTLD_NOW | RTLD_LOCAL)));
  if (strcmp(way, "module") == 0)
    return from_module(open_or_die(dlopen(module, RTLD_NOW | RTLD_LOCAL)));
  if (strcmp(way, "deepbind") == 0)
    return from_module(open_or_die(dlopen(module, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND)));
  if (strcmp(way, "namespace") == 0)
    return from_handle(open_or_die(dlmopen(LM_ID_NEWLM, "libOpenCL.so.1", RTLD_NOW)));
  fprintf(stderr, "no such way: %s\n", way);
  exit(2);
}
#endif

#ifndef IN_MODULE
struct process_state {
  mode_t mask;
  void (*handlers[64])(int);
  int flags[64];
  char** environment;
};
extern char** environ;

static void read_state(struct process_state* state) {
  memset(state, 0, sizeof *state);
  state->mask = umask(022);
  umask(state->mask);
  for (int i = 1; i < 64; ++i) {
    struct sigaction action;
    if (sigaction(i, NULL, &action) != 0) continue;
    state->handlers[i] = action.sa_handler;
    state->flags[i] = action.sa_flags;
  }
  state->environment = environ;
}

static void on_signal(int number) { (void)number; }

static int try_buffer(const struct functions* f, cl_context context, size_t bytes) {
  cl_int status = 1;
  f->CreateBuffer(context, CL_MEM_READ_WRITE, bytes, NULL, &status);
  return status;
}

static void probe(struct functions f, int by_extension) {
  cl_platform_id platform = NULL;
  cl_device_id device = NULL;
  cl_ulong bytes = 0;
  f.GetPlatformIDs(1, &platform, NULL);
  if (by_extension)
    *(void**)&f.CreateBuffer = f.GetExtensionFunctionAddressForPlatform(platform, "clCreateBuffer");
  if (f.GetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL) != CL_SUCCESS) exit(5);
  f.GetDeviceInfo(device, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof bytes, &bytes, NULL);
  cl_context context = f.CreateContext(NULL, 1, &device, NULL, NULL, NULL);
  printf("%lu", (unsigned long)bytes);
  printf(" %d", try_buffer(&f, context, (1 << 20) + 1));
  printf(" %d", try_buffer(&f, context, 1 << 19));
  printf(" %d\n", try_buffer(&f, context, 1 << 20));
}

int main(int argc, char** argv) {
  const char* const way = argc > 1 ? argv[1] : "linked";
  umask(027);
  signal(SIGUSR1, on_signal);
  signal(SIGUSR2, SIG_IGN);
  signal(SIGCHLD, on_signal);
  static struct process_state before, after;
  read_state(&before);
  const int by_extension = strcmp(way, "extension") == 0;
  probe(find(by_extension ? "dlopen" : way), by_extension);
  read_state(&after);
  if (memcmp(&before, &after, sizeof before) != 0) return 3;
  fflush(stdout);
  const char* const report = getenv("REPORT");
  return report != NULL ? system(report) : 0;
}
#endif

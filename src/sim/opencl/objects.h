// SPDX-License-Identifier: Apache-2.0
#pragma once

// The objects of the simulated OpenCL driver. As every ICD's, each begins with its dispatch table.

#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_0_APIS
#define CL_USE_DEPRECATED_OPENCL_1_1_APIS
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#define CL_USE_DEPRECATED_OPENCL_2_0_APIS
#define CL_USE_DEPRECATED_OPENCL_2_1_APIS
#define CL_USE_DEPRECATED_OPENCL_2_2_APIS
#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <CL/cl_icd.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

namespace melon::sim {

extern cl_icd_dispatch dispatch_table;

template <class T>
struct Object {
  cl_icd_dispatch* dispatch = &dispatch_table;
  std::atomic<cl_uint> references{1};
};

}  // namespace melon::sim

struct _cl_platform_id {
  cl_icd_dispatch* dispatch = &melon::sim::dispatch_table;
};

struct _cl_device_id : melon::sim::Object<_cl_device_id> {
  unsigned number = 0;
  _cl_device_id* parent = nullptr;  // of a sub-device
  std::uint64_t free_at = 0;        // when the last started command ends
  cl_event running = nullptr;
  std::deque<cl_event> pending;
};

struct _cl_context : melon::sim::Object<_cl_context> {
  std::vector<cl_device_id> devices;
};

struct _cl_command_queue : melon::sim::Object<_cl_command_queue> {
  cl_context context = nullptr;
  cl_device_id device = nullptr;
  cl_command_queue_properties flags = 0;
  std::vector<cl_queue_properties> properties;
  cl_event last = nullptr;     // the newest command; retained
  cl_event barrier = nullptr;  // later commands wait for it; retained
  unsigned unfinished = 0;
};

struct _cl_mem : melon::sim::Object<_cl_mem> {
  using Destroyed = void(CL_CALLBACK*)(cl_mem, void*);
  cl_context context = nullptr;
  cl_mem_object_type type = CL_MEM_OBJECT_BUFFER;
  cl_mem_flags flags = 0;
  std::size_t bytes = 0;
  std::uint64_t counted = 0;  // in the allocation counter
  void* host = nullptr;
  _cl_mem* parent = nullptr;
  std::size_t offset = 0;  // in the parent
  char* data = nullptr;    // made at first use
  std::atomic<unsigned> callbacks{0};
  struct {
    Destroyed function;
    void* user_data;
  } first_callbacks[2];
  std::vector<std::pair<Destroyed, void*>> more_callbacks;
};

struct _cl_program : melon::sim::Object<_cl_program> {
  cl_context context = nullptr;
};

struct _cl_kernel : melon::sim::Object<_cl_kernel> {
  cl_program program = nullptr;
  std::string name;
  std::uint64_t duration_ns = 0;
};

struct _cl_event : melon::sim::Object<_cl_event> {
  using Notify = void(CL_CALLBACK*)(cl_event, cl_int, void*);
  struct Callback {
    cl_int type;
    Notify notify;
    void* user_data;
  };
  cl_context context = nullptr;
  cl_command_queue queue = nullptr;
  cl_command_type type = 0;
  cl_int status = CL_QUEUED;
  cl_int outcome = CL_COMPLETE;  // the status in the end
  std::uint64_t duration_ns = 0;
  std::uint64_t queued_at = 0, started_at = 0, ended_at = 0;
  std::vector<cl_event> waits;  // retained
  std::function<void()> work;
  std::vector<cl_mem> uses;  // retained
  std::vector<Callback> callbacks;
};

// SPDX-License-Identifier: Apache-2.0
// Only granted devices are visible, with the slice's sizes.

#include <string.h>

#include "shim/opencl/devices.h"
#include "shim/opencl/driver.h"
#include "shim/opencl/workers.h"

namespace melon::shim {
namespace {

constexpr cl_uint kMostDevices = 64;
constexpr cl_device_info kGlobalFreeMemoryAmd = 0x4039;  // two size_t in KiB

// All granted devices of a type, or a negative status.
cl_int list_granted(const Driver& next, cl_platform_id platform, cl_device_type type,
                    cl_device_id (&out)[kMostDevices], cl_uint& count) {
  count = 0;
  cl_int status = CL_SUCCESS;
  {
    const WorkerWatch watch;  // PoCL starts its workers in here
    status = next.clGetDeviceIDs(platform, type, kMostDevices, out, &count);
  }
  if (status != CL_SUCCESS) return status;
  count = keep_granted(next, out, count < kMostDevices ? count : kMostDevices);
  return count != 0 ? CL_SUCCESS : CL_DEVICE_NOT_FOUND;
}

cl_platform_id platform_in(const Driver& next, const cl_context_properties* properties) {
  for (; properties != nullptr && properties[0] != 0; properties += 2)
    if (properties[0] == CL_CONTEXT_PLATFORM)
      return reinterpret_cast<cl_platform_id>(properties[1]);
  cl_platform_id first = nullptr;
  next.clGetPlatformIDs(1, &first, nullptr);
  return first;
}

std::uint64_t smaller(std::uint64_t a, std::uint64_t b) { return a < b ? a : b; }

// What AMD's driver calls free memory: free in all, largest free block; in KiB.
cl_int answer_free_memory(const Driver& next, const Tenant& mine, cl_device_id device,
                          const DeviceRecord& record, size_t room, void* out, size_t* out_bytes) {
  size_t free_kib[2] = {0, 0};
  size_t bytes = 0;
  const cl_int status =
      next.clGetDeviceInfo(device, kGlobalFreeMemoryAmd, sizeof free_kib, free_kib, &bytes);
  if (status != CL_SUCCESS) return status;
  const auto slice = static_cast<unsigned>(record.slice);
  const std::uint64_t limit = mine.memory_limit(slice);
  const std::uint64_t used = mine.memory_used(slice);
  const std::uint64_t left_kib = limit > used ? (limit - used) / 1024 : 0;
  for (size_t& value : free_kib) value = smaller(value, left_kib);
  return answer(free_kib, bytes, room, out, out_bytes);
}

}  // namespace

namespace hook {

cl_int clGetDeviceIDs(const Driver& next, cl_platform_id platform, cl_device_type device_type,
                      cl_uint num_entries, cl_device_id* devices, cl_uint* num_devices) {
  const bool malformed =
      (devices != nullptr && num_entries == 0) || (devices == nullptr && num_devices == nullptr);
  if (tenant() == nullptr || malformed)
    return next.clGetDeviceIDs(platform, device_type, num_entries, devices, num_devices);
  cl_device_id granted[kMostDevices];
  cl_uint count = 0;
  const cl_int status = list_granted(next, platform, device_type, granted, count);
  if (num_devices != nullptr) *num_devices = count;
  if (status != CL_SUCCESS) return status;
  if (devices != nullptr)
    memcpy(devices, granted, sizeof(cl_device_id) * (count < num_entries ? count : num_entries));
  return CL_SUCCESS;
}

cl_int clGetDeviceInfo(const Driver& next, cl_device_id device, cl_device_info param_name,
                       size_t param_value_size, void* param_value, size_t* param_value_size_ret) {
  const bool ours =
      param_name == CL_DEVICE_GLOBAL_MEM_SIZE || param_name == CL_DEVICE_MAX_MEM_ALLOC_SIZE ||
      param_name == CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE || param_name == kGlobalFreeMemoryAmd;
  const Tenant* const mine = ours ? tenant() : nullptr;
  const DeviceRecord* const record = mine != nullptr ? device_record(next, device) : nullptr;
  if (record == nullptr || record->slice < 0)
    return next.clGetDeviceInfo(device, param_name, param_value_size, param_value,
                                param_value_size_ret);
  if (param_name == kGlobalFreeMemoryAmd)
    return answer_free_memory(next, *mine, device, *record, param_value_size, param_value,
                              param_value_size_ret);
  const std::uint64_t real = param_name == CL_DEVICE_GLOBAL_MEM_SIZE ? record->global_bytes
                             : param_name == CL_DEVICE_MAX_MEM_ALLOC_SIZE
                                 ? record->max_alloc_bytes
                                 : record->max_constant_bytes;
  const cl_ulong shown = smaller(real, mine->memory_limit(static_cast<unsigned>(record->slice)));
  return answer(&shown, sizeof shown, param_value_size, param_value, param_value_size_ret);
}

cl_int clCreateSubDevices(const Driver& next, cl_device_id in_device,
                          const cl_device_partition_property* properties, cl_uint num_devices,
                          cl_device_id* out_devices, cl_uint* num_devices_ret) {
  cl_uint count = 0;
  const cl_int status =
      next.clCreateSubDevices(in_device, properties, num_devices, out_devices, &count);
  if (num_devices_ret != nullptr && status == CL_SUCCESS) *num_devices_ret = count;
  if (status == CL_SUCCESS && out_devices != nullptr && tenant() != nullptr)
    for (cl_uint i = 0; i < count && i < num_devices; ++i) forget_device(out_devices[i]);
  return status;
}

cl_int clCreateSubDevicesEXT(const Driver& next, cl_device_id in_device,
                             const cl_device_partition_property_ext* properties,
                             cl_uint num_entries, cl_device_id* out_devices, cl_uint* num_devices) {
  cl_uint count = 0;
  const cl_int status =
      next.clCreateSubDevicesEXT(in_device, properties, num_entries, out_devices, &count);
  if (num_devices != nullptr && status == CL_SUCCESS) *num_devices = count;
  if (status == CL_SUCCESS && out_devices != nullptr && tenant() != nullptr)
    for (cl_uint i = 0; i < count && i < num_entries; ++i) forget_device(out_devices[i]);
  return status;
}

cl_context clCreateContext(const Driver& next, const cl_context_properties* properties,
                           cl_uint num_devices, const cl_device_id* devices,
                           void(CL_CALLBACK* pfn_notify)(const char* errinfo,
                                                         const void* private_info, size_t cb,
                                                         void* user_data),
                           void* user_data, cl_int* errcode_ret) {
  if (tenant() == nullptr)
    return next.clCreateContext(properties, num_devices, devices, pfn_notify, user_data,
                                errcode_ret);
  for (cl_uint i = 0; devices != nullptr && i < num_devices; ++i) {
    const DeviceRecord* const record =
        devices[i] != nullptr ? device_record(next, devices[i]) : nullptr;
    if (record != nullptr && record->slice < 0) {
      set_status(errcode_ret, CL_DEVICE_NOT_AVAILABLE);
      return nullptr;
    }
  }
  cl_context context = nullptr;
  {
    const WorkerWatch watch;
    context =
        next.clCreateContext(properties, num_devices, devices, pfn_notify, user_data, errcode_ret);
  }
  if (context != nullptr) remember_context(next, context);
  return context;
}

cl_context clCreateContextFromType(const Driver& next, const cl_context_properties* properties,
                                   cl_device_type device_type,
                                   void(CL_CALLBACK* pfn_notify)(const char* errinfo,
                                                                 const void* private_info,
                                                                 size_t cb, void* user_data),
                                   void* user_data, cl_int* errcode_ret) {
  if (tenant() == nullptr)
    return next.clCreateContextFromType(properties, device_type, pfn_notify, user_data,
                                        errcode_ret);
  cl_device_id granted[kMostDevices];
  cl_uint count = 0;
  const cl_int status =
      list_granted(next, platform_in(next, properties), device_type, granted, count);
  if (status != CL_SUCCESS) {
    set_status(errcode_ret, status);
    return nullptr;
  }
  cl_context context =
      next.clCreateContext(properties, count, granted, pfn_notify, user_data, errcode_ret);
  if (context != nullptr) remember_context(next, context);
  return context;
}

}  // namespace hook
}  // namespace melon::shim

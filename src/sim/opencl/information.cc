// SPDX-License-Identifier: Apache-2.0
// Platform, devices, contexts: what the simulated driver says of itself.

#include <algorithm>

#include "sim/opencl/engine.h"
#include "sim/opencl/icd.h"
#include "sim/opencl/script.h"

namespace melon::sim {

cl_icd_dispatch dispatch_table;

namespace {

constexpr char kPlatformName[] = "Melon Simulated OpenCL";
constexpr char kDeviceName[] = "Melon simulated device";
constexpr cl_device_info kFreeMemoryAmd = 0x4039;

cl_int get_platform_ids(cl_uint count, cl_platform_id* out, cl_uint* found) {
  if (out != nullptr && count != 0) *out = platform();
  if (found != nullptr) *found = 1;
  return CL_SUCCESS;
}

cl_int get_platform_info(cl_platform_id, cl_platform_info what, size_t room, void* out,
                         size_t* size) {
  switch (what) {
    case CL_PLATFORM_NAME:
      return answer_text(kPlatformName, room, out, size);
    case CL_PLATFORM_VENDOR:
      return answer_text("Melon (simulated)", room, out, size);
    case CL_PLATFORM_VERSION:
      return answer_text("OpenCL 3.0 simulated", room, out, size);
    case CL_PLATFORM_PROFILE:
      return answer_text("FULL_PROFILE", room, out, size);
    case CL_PLATFORM_EXTENSIONS:
      return answer_text("cl_khr_icd", room, out, size);
    case CL_PLATFORM_ICD_SUFFIX_KHR:
      return answer_text(script().suffix.c_str(), room, out, size);
    case CL_PLATFORM_NUMERIC_VERSION:
      return answer<cl_version>(CL_MAKE_VERSION(3, 0, 0), room, out, size);
    default:
      return CL_INVALID_VALUE;
  }
}

cl_device_type type_of_devices() {
  return script().is_cpu ? CL_DEVICE_TYPE_CPU : CL_DEVICE_TYPE_GPU;
}

cl_int get_device_ids(cl_platform_id, cl_device_type type, cl_uint room, cl_device_id* out,
                      cl_uint* found) {
  if ((out != nullptr && room == 0) || (out == nullptr && found == nullptr))
    return CL_INVALID_VALUE;
  start_engine();
  const auto& all = devices();
  const bool matches = (type & (type_of_devices() | CL_DEVICE_TYPE_DEFAULT)) != 0;
  const auto count = matches ? static_cast<cl_uint>(all.size()) : 0;
  if (found != nullptr) *found = count;
  if (count == 0) return CL_DEVICE_NOT_FOUND;
  if (out != nullptr) std::copy_n(all.begin(), std::min(room, count), out);
  return CL_SUCCESS;
}

cl_int get_device_identity(const _cl_device_id& device, cl_device_info what, size_t room, void* out,
                           size_t* size) {
  if (!script().identity) return CL_INVALID_VALUE;
  if (what == CL_DEVICE_UUID_KHR) {
    unsigned char uuid[CL_UUID_SIZE_KHR] = {0x5e, 0x10, 0x17};
    uuid[CL_UUID_SIZE_KHR - 1] = static_cast<unsigned char>(device.number);
    return answer_bytes(uuid, sizeof uuid, room, out, size);
  }
  if (what == CL_DEVICE_PCI_BUS_INFO_KHR)
    return answer(cl_device_pci_bus_info_khr{0, 0x10 + device.number, 0, 0}, room, out, size);
  return CL_INVALID_VALUE;
}

// As AMD's driver and others tell it: free in all and the largest free block, in KiB.
cl_int get_free_memory(const _cl_device_id& device, size_t room, void* out, size_t* size) {
  const auto used = static_cast<std::uint64_t>(counters().device_bytes[device.number].load());
  const size_t free_kib = ((script().memory_mib << 20) - used) >> 10;
  const size_t both[2] = {free_kib, free_kib};
  return answer_bytes(both, sizeof both, room, out, size);
}

cl_int get_device_text(cl_device_info what, size_t room, void* out, size_t* size) {
  switch (what) {
    case CL_DEVICE_NAME:
      return answer_text(kDeviceName, room, out, size);
    case CL_DEVICE_VENDOR:
      return answer_text("Melon (simulated)", room, out, size);
    case CL_DEVICE_VERSION:
      return answer_text("OpenCL 3.0 simulated", room, out, size);
    case CL_DRIVER_VERSION:
      return answer_text("simulated 1", room, out, size);
    case CL_DEVICE_PROFILE:
      return answer_text("FULL_PROFILE", room, out, size);
    case CL_DEVICE_OPENCL_C_VERSION:
      return answer_text("OpenCL C 3.0 simulated", room, out, size);
    case CL_DEVICE_EXTENSIONS:
      return answer_text(script().identity ? "cl_amd_device_attribute_query cl_khr_device_uuid "
                                             "cl_khr_pci_bus_info"
                                           : "cl_amd_device_attribute_query",
                         room, out, size);
    default:
      return CL_INVALID_VALUE;
  }
}

cl_int get_device_info(cl_device_id device, cl_device_info what, size_t room, void* out,
                       size_t* size) {
  if (device == nullptr) return CL_INVALID_DEVICE;
  switch (what) {
    case CL_DEVICE_GLOBAL_MEM_SIZE:
    case CL_DEVICE_MAX_MEM_ALLOC_SIZE:
      return answer<cl_ulong>(script().memory_mib << 20, room, out, size);
    case CL_DEVICE_TYPE:
      return answer(type_of_devices(), room, out, size);
    case CL_DEVICE_PLATFORM:
      return answer(platform(), room, out, size);
    case CL_DEVICE_PARENT_DEVICE:
      return answer(device->parent, room, out, size);
    case CL_DEVICE_MAX_COMPUTE_UNITS:
      return answer<cl_uint>(script().units, room, out, size);
    case CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE:
      return answer<cl_ulong>(65536, room, out, size);
    case CL_DEVICE_MAX_WORK_GROUP_SIZE:
      return answer<size_t>(1024, room, out, size);
    case CL_DEVICE_VENDOR_ID:
      return answer<cl_uint>(0x5e10, room, out, size);
    case CL_DEVICE_AVAILABLE:
    case CL_DEVICE_COMPILER_AVAILABLE:
    case CL_DEVICE_IMAGE_SUPPORT:
      return answer<cl_bool>(CL_TRUE, room, out, size);
    case CL_DEVICE_QUEUE_PROPERTIES:
      return answer<cl_command_queue_properties>(
          CL_QUEUE_PROFILING_ENABLE | CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, room, out, size);
    case kFreeMemoryAmd:
      return get_free_memory(*device, room, out, size);
    case CL_DEVICE_UUID_KHR:
    case CL_DEVICE_PCI_BUS_INFO_KHR:
      return get_device_identity(*device, what, room, out, size);
    default:
      return get_device_text(what, room, out, size);
  }
}

cl_int create_sub_devices(cl_device_id device, const cl_device_partition_property*, cl_uint room,
                          cl_device_id* out, cl_uint* made) {
  constexpr cl_uint kParts = 2;
  if (made != nullptr) *made = kParts;
  for (cl_uint i = 0; out != nullptr && i < std::min(room, kParts); ++i) {
    out[i] = new _cl_device_id;
    out[i]->number = device->number;
    out[i]->parent = device;
  }
  return CL_SUCCESS;
}

cl_int retain_device(cl_device_id device) {
  device->references.fetch_add(1);
  return CL_SUCCESS;
}

cl_int release_device(cl_device_id device) {
  if (device->parent != nullptr && device->references.fetch_sub(1) == 1) delete device;
  return CL_SUCCESS;
}

using ContextNotify = void(CL_CALLBACK*)(const char*, const void*, size_t, void*);

cl_context create_context(const cl_context_properties*, cl_uint count, const cl_device_id* list,
                          ContextNotify, void*, cl_int* status) {
  if (list == nullptr || count == 0) {
    set_status(status, CL_INVALID_VALUE);
    return nullptr;
  }
  auto* const context = new _cl_context;
  context->devices.assign(list, list + count);
  set_status(status, CL_SUCCESS);
  return context;
}

cl_context create_context_from_type(const cl_context_properties* properties, cl_device_type type,
                                    ContextNotify notify, void* data, cl_int* status) {
  cl_device_id all[8];
  cl_uint count = 0;
  const cl_int found = get_device_ids(platform(), type, 8, all, &count);
  if (found == CL_SUCCESS) return create_context(properties, count, all, notify, data, status);
  set_status(status, found);
  return nullptr;
}

cl_int retain_context(cl_context context) {
  context->references.fetch_add(1);
  return CL_SUCCESS;
}

cl_int release_context(cl_context context) {
  if (context->references.fetch_sub(1) == 1) delete context;
  return CL_SUCCESS;
}

cl_int get_context_info(cl_context context, cl_context_info what, size_t room, void* out,
                        size_t* size) {
  switch (what) {
    case CL_CONTEXT_REFERENCE_COUNT:
      return answer<cl_uint>(context->references.load(), room, out, size);
    case CL_CONTEXT_NUM_DEVICES:
      return answer(static_cast<cl_uint>(context->devices.size()), room, out, size);
    case CL_CONTEXT_DEVICES:
      return answer_bytes(context->devices.data(), context->devices.size() * sizeof(cl_device_id),
                          room, out, size);
    case CL_CONTEXT_PROPERTIES:
      return answer_bytes(nullptr, 0, room, out, size);
    default:
      return CL_INVALID_VALUE;
  }
}

void* get_extension_function(const char* name);

void* get_extension_function_for(cl_platform_id, const char* name) {
  return get_extension_function(name);
}

cl_int icd_get_platform_ids(cl_uint count, cl_platform_id* out, cl_uint* found) {
  return get_platform_ids(count, out, found);
}

void* get_extension_function(const char* name) {
  if (std::strcmp(name, "clIcdGetPlatformIDsKHR") == 0)
    return reinterpret_cast<void*>(&icd_get_platform_ids);
  if (std::strcmp(name, "clGetPlatformInfo") == 0)
    return reinterpret_cast<void*>(&get_platform_info);
  if (std::strcmp(name, "clCreateBuffer") == 0)
    return reinterpret_cast<void*>(dispatch_table.clCreateBuffer);
  if (std::strcmp(name, "clCreateCommandQueueWithPropertiesKHR") == 0)
    return reinterpret_cast<void*>(dispatch_table.clCreateCommandQueueWithProperties);
  return extension_function(name);
}

bool fill_table() {
  add_information(dispatch_table);
  add_memory(dispatch_table);
  add_programs(dispatch_table);
  add_commands(dispatch_table);
  add_transfers(dispatch_table);
  return true;
}

}  // namespace

void add_information(cl_icd_dispatch& table) {
  table.clGetPlatformIDs = get_platform_ids;
  table.clGetPlatformInfo = get_platform_info;
  table.clGetDeviceIDs = get_device_ids;
  table.clGetDeviceInfo = get_device_info;
  table.clCreateSubDevices = create_sub_devices;
  table.clRetainDevice = retain_device;
  table.clReleaseDevice = release_device;
  table.clCreateContext = create_context;
  table.clCreateContextFromType = create_context_from_type;
  table.clRetainContext = retain_context;
  table.clReleaseContext = release_context;
  table.clGetContextInfo = get_context_info;
  table.clGetExtensionFunctionAddress = get_extension_function;
  table.clGetExtensionFunctionAddressForPlatform = get_extension_function_for;
}

cl_platform_id platform() {
  static const bool kFilled = fill_table();
  static _cl_platform_id only;
  (void)kFilled;
  return &only;
}

const std::vector<cl_device_id>& devices() {
  // Never destroyed: the driver's thread goes on while the program exits.
  static const std::vector<cl_device_id>& all = *[] {
    auto* const list = new std::vector<cl_device_id>(script().devices);
    auto& made = *list;
    for (unsigned i = 0; i < made.size(); ++i) {
      made[i] = new _cl_device_id;
      made[i]->number = i;
    }
    return list;
  }();
  return all;
}

}  // namespace melon::sim

#define MELON_SIM_EXPORT extern "C" __attribute__((visibility("default")))

MELON_SIM_EXPORT cl_int clIcdGetPlatformIDsKHR(cl_uint count, cl_platform_id* out, cl_uint* found) {
  return melon::sim::get_platform_ids(count, out, found);
}

MELON_SIM_EXPORT void* clGetExtensionFunctionAddress(const char* name) {
  melon::sim::platform();
  return melon::sim::get_extension_function(name);
}

MELON_SIM_EXPORT cl_int clGetPlatformInfo(cl_platform_id platform, cl_platform_info what,
                                          size_t room, void* out, size_t* size) {
  return melon::sim::get_platform_info(platform, what, room, out, size);
}

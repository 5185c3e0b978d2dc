// SPDX-License-Identifier: Apache-2.0
// Which device of the grant an OpenCL device is, and what a context consists of.

#include "shim/opencl/devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/abi/device_key.h"
#include "shim/opencl/launch.h"
#include "shim/opencl/workers.h"

namespace melon::shim {
namespace {

HandleTable<cl_device_id, DeviceRecord> g_devices;
HandleTable<cl_context, ContextRecord> g_contexts;

constexpr cl_uint kMostDevices = 64;

template <class T>
T number(const Driver& next, cl_device_id device, cl_device_info what) {
  T value{};
  if (next.clGetDeviceInfo(device, what, sizeof value, &value, nullptr) != CL_SUCCESS) return T{};
  return value;
}

bool has_extension(const Driver& next, cl_device_id device, const char* name) {
  size_t bytes = 0;
  if (next.clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, 0, nullptr, &bytes) != CL_SUCCESS)
    return false;
  char* const text = static_cast<char*>(malloc(bytes + 1));
  if (text == nullptr) return false;
  text[bytes] = 0;
  const bool found =
      next.clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, bytes, text, nullptr) == CL_SUCCESS &&
      strstr(text, name) != nullptr;
  free(text);
  return found;
}

void read_uuid(const Driver& next, cl_device_id device, char (&out)[2 * CL_UUID_SIZE_KHR + 1]) {
  out[0] = 0;
  cl_uchar uuid[CL_UUID_SIZE_KHR];
  if (!has_extension(next, device, "cl_khr_device_uuid")) return;
  if (next.clGetDeviceInfo(device, CL_DEVICE_UUID_KHR, sizeof uuid, uuid, nullptr) != CL_SUCCESS)
    return;
  for (unsigned i = 0; i < CL_UUID_SIZE_KHR; ++i) snprintf(out + size_t{2} * i, 3, "%02x", uuid[i]);
}

void read_pci(const Driver& next, cl_device_id device, char (&out)[32]) {
  out[0] = 0;
  cl_device_pci_bus_info_khr pci{};
  if (!has_extension(next, device, "cl_khr_pci_bus_info")) return;
  if (next.clGetDeviceInfo(device, CL_DEVICE_PCI_BUS_INFO_KHR, sizeof pci, &pci, nullptr) !=
      CL_SUCCESS)
    return;
  snprintf(out, sizeof out, "%04x:%02x:%02x.%x", pci.pci_domain, pci.pci_bus, pci.pci_device,
           pci.pci_function);
}

void read_name(const Driver& next, cl_device_id device, char (&out)[128]) {
  out[0] = 0;
  next.clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof out - 1, out, nullptr);
  out[sizeof out - 1] = 0;
}

// The device's number among those of the same name on its platform; -1 when it is not listed.
int ordinal_of(const Driver& next, cl_platform_id platform, cl_device_id device, const char* name) {
  cl_device_id all[kMostDevices];
  cl_uint count = 0;
  if (next.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, kMostDevices, all, &count) != CL_SUCCESS)
    return -1;
  int ordinal = 0;
  for (cl_uint i = 0; i < count && i < kMostDevices; ++i) {
    if (all[i] == device) return ordinal;
    char other[128];
    read_name(next, all[i], other);
    if (strcmp(other, name) == 0) ++ordinal;
  }
  return -1;
}

int find_slice(const Driver& next, cl_device_id device) {
  const auto platform = number<cl_platform_id>(next, device, CL_DEVICE_PLATFORM);
  char platform_name[96] = "";
  char name[128];
  next.clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof platform_name - 1, platform_name,
                         nullptr);
  read_name(next, device, name);
  const int ordinal = ordinal_of(next, platform, device, name);
  if (ordinal < 0) return kNotGranted;
  char uuid[2 * CL_UUID_SIZE_KHR + 1];
  char pci[32];
  read_uuid(next, device, uuid);
  read_pci(next, device, pci);
  char key[abi::kKeyBytes];
  abi::opencl_device_key(key, platform_name, name, static_cast<unsigned>(ordinal), uuid, pci);
  return tenant()->find_device(key);
}

Nanoseconds consumed_by_workers(void* device) {
  return worker_time() / static_cast<const DeviceRecord*>(device)->units;
}

// Where the driver tells it, in KiB: an extension of AMD's that others have too.
constexpr cl_device_info kGlobalFreeMemory = 0x4039;

std::uint64_t free_bytes(void* device) {
  size_t kib[2] = {};
  const cl_device_id handle = static_cast<const DeviceRecord*>(device)->handle;
  const cl_int status =
      any_driver().clGetDeviceInfo(handle, kGlobalFreeMemory, sizeof kib, kib, nullptr);
  return status == CL_SUCCESS ? std::uint64_t{kib[0]} << 10 : 0;
}

// Two CPU devices of one driver share its workers, so their time cannot be told apart.
bool alone_on_workers(const DeviceRecord& device) {
  bool alone = true;
  g_devices.for_each([&](cl_device_id, const DeviceRecord& other) {
    if (&other != &device && other.epoch == device.epoch && other.is_cpu != 0 && other.slice >= 0 &&
        other.slice != device.slice)
      alone = false;
    return alone;
  });
  return alone;
}

void attach_device(const Driver& next, cl_device_id device, DeviceRecord& record) {
  Session& mine = *session();
  const Guard guard(mine.attaching);
  const std::uint32_t bit = 1U << record.slice;
  if ((mine.attached & bit) != 0) return;
  if (record.is_cpu != 0) __atomic_fetch_or(&mine.processors, bit, __ATOMIC_RELAXED);
  __atomic_fetch_or(&mine.attached, bit, __ATOMIC_RELEASE);
  DeviceSource source{};
  source.context = &record;
  if (record.is_cpu != 0 && worker_count() != 0 && record.units != 0 && alone_on_workers(record))
    source.consumed = consumed_by_workers;
  if (has_extension(next, device, "cl_amd_device_attribute_query")) source.free_bytes = free_bytes;
  record.metered = source.consumed != nullptr ? 1 : 0;
  mine.tenant->attach(static_cast<unsigned>(record.slice), source);
}

void describe(const Driver& next, cl_device_id device, DeviceRecord& record) {
  record.is_cpu =
      (number<cl_device_type>(next, device, CL_DEVICE_TYPE) & CL_DEVICE_TYPE_CPU) != 0 ? 1 : 0;
  record.handle = device;
  record.units = number<cl_uint>(next, device, CL_DEVICE_MAX_COMPUTE_UNITS);
  record.global_bytes = number<cl_ulong>(next, device, CL_DEVICE_GLOBAL_MEM_SIZE);
  record.max_alloc_bytes = number<cl_ulong>(next, device, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
  record.max_constant_bytes = number<cl_ulong>(next, device, CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE);
  const auto parent = number<cl_device_id>(next, device, CL_DEVICE_PARENT_DEVICE);
  if (parent != nullptr) {
    const DeviceRecord* const whole = device_record(next, parent);
    record.slice = whole != nullptr ? whole->slice : kNotGranted;
    record.metered = whole != nullptr ? whole->metered : 0;
    return;
  }
  record.slice = find_slice(next, device);
}

}  // namespace

DeviceRecord* device_record(const Driver& next, cl_device_id device) {
  const std::uint32_t epoch = session()->epoch;
  DeviceRecord* const known = g_devices.find(device);
  if (known != nullptr && __atomic_load_n(&known->epoch, __ATOMIC_ACQUIRE) == epoch) return known;
  // A wrong handle must be refused by the driver, not remembered by us.
  cl_device_type type = 0;
  if (next.clGetDeviceInfo(device, CL_DEVICE_TYPE, sizeof type, &type, nullptr) != CL_SUCCESS)
    return nullptr;
  DeviceRecord found{};
  describe(next, device, found);
  DeviceRecord* const record = g_devices.insert(device);
  if (record == nullptr) return nullptr;
  {
    const Guard guard(session()->attaching);
    const std::uint32_t before = __atomic_load_n(&record->epoch, __ATOMIC_ACQUIRE);
    found.epoch = before;
    if (before != epoch) *record = found;
    __atomic_store_n(&record->epoch, epoch, __ATOMIC_RELEASE);
  }
  const bool whole = number<cl_device_id>(next, device, CL_DEVICE_PARENT_DEVICE) == nullptr;
  if (record->slice >= 0 && whole) attach_device(next, device, *record);
  return record;
}

void forget_device(cl_device_id device) {
  if (DeviceRecord* const record = g_devices.find(device); record != nullptr)
    __atomic_store_n(&record->epoch, 0, __ATOMIC_RELEASE);
}

std::uint64_t shown_max_alloc(const Tenant& tenant, const DeviceRecord& device) {
  const std::uint64_t limit = tenant.memory_limit(static_cast<unsigned>(device.slice));
  return limit < device.max_alloc_bytes ? limit : device.max_alloc_bytes;
}

namespace {

// Fills a context's record from the driver's own list of its devices.
bool describe(const Driver& next, cl_context context, ContextRecord& record) {
  cl_device_id devices[kMostDevices];
  size_t bytes = 0;
  if (next.clGetContextInfo(context, CL_CONTEXT_DEVICES, sizeof devices, devices, &bytes) !=
      CL_SUCCESS)
    return false;
  record.slices = 0;
  record.first = nullptr;
  record.max_alloc_bytes = 0;
  for (size_t i = 0; i < bytes / sizeof(cl_device_id); ++i) {
    const DeviceRecord* const device = device_record(next, devices[i]);
    if (device == nullptr || device->slice < 0) continue;
    record.slices |= 1U << device->slice;
    record.first = device;
    if (device->max_alloc_bytes > record.max_alloc_bytes)
      record.max_alloc_bytes = device->max_alloc_bytes;
  }
  return true;
}

}  // namespace

ContextRecord* context_record(const Driver& next, cl_context context) {
  const std::uint32_t epoch = session()->epoch;
  ContextRecord* const known = g_contexts.find(context);
  if (known != nullptr && __atomic_load_n(&known->epoch, __ATOMIC_ACQUIRE) == epoch) return known;
  return remember_context(next, context);
}

ContextRecord* remember_context(const Driver& next, cl_context context) {
  ContextRecord found{};
  if (context == nullptr || !describe(next, context, found)) return nullptr;
  ContextRecord* const record = g_contexts.insert(context);
  if (record == nullptr) return nullptr;
  found.epoch = record->epoch;
  *record = found;
  __atomic_store_n(&record->epoch, session()->epoch, __ATOMIC_RELEASE);
  return record;
}

std::uint64_t shown_max_alloc(const Tenant& tenant, const ContextRecord& context) {
  std::uint64_t limit = 0;
  for (std::uint32_t rest = context.slices; rest != 0; rest &= rest - 1) {
    const std::uint64_t other = tenant.memory_limit(static_cast<unsigned>(__builtin_ctz(rest)));
    if (other > limit) limit = other;
  }
  return limit < context.max_alloc_bytes ? limit : context.max_alloc_bytes;
}

cl_uint keep_granted(const Driver& next, cl_device_id* devices, cl_uint count) {
  cl_uint kept = 0;
  for (cl_uint i = 0; i < count; ++i) {
    const DeviceRecord* const record = device_record(next, devices[i]);
    if (record != nullptr && record->slice >= 0) devices[kept++] = devices[i];
  }
  return kept;
}

}  // namespace melon::shim

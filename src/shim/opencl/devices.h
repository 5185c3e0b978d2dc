// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "shim/opencl/driver.h"
#include "shim/opencl/handles.h"

namespace melon::shim {

constexpr int kNotGranted = -1;

/// What we know of a device handle; sub-devices share their parent's slice.
struct DeviceRecord {
  std::uint32_t epoch;  // the session that it was looked up in
  std::int32_t slice;   // of the grant; kNotGranted: not shown to the program
  std::uint32_t is_cpu;
  std::uint32_t units;    // compute units
  std::uint32_t metered;  // its consumption is measured, whatever profiling says
  cl_device_id handle;
  std::uint64_t global_bytes;  // what the driver reports
  std::uint64_t max_alloc_bytes;
  std::uint64_t max_constant_bytes;
};

/// The record of a device; asks the driver at the first sight of the handle. Null: out of memory
/// or no such device.
DeviceRecord* device_record(const Driver& next, cl_device_id device);

/// A new device may have come to be at an old one's address (sub-devices).
void forget_device(cl_device_id device);

/// The largest single allocation that the program is told of.
std::uint64_t shown_max_alloc(const Tenant& tenant, const DeviceRecord& device);

/// What we know of a context.
struct ContextRecord {
  std::uint32_t epoch;
  std::uint32_t slices;           // one bit for each granted device in it
  const DeviceRecord* first;      // one of the devices
  std::uint64_t max_alloc_bytes;  // of the device that allows most
};

/// The record of a context; null when it is unknown to the driver.
ContextRecord* context_record(const Driver& next, cl_context context);
/// The same for a context that was just made, whatever was known of its address.
ContextRecord* remember_context(const Driver& next, cl_context context);
/// What the context allows as one allocation, as shown to the program now.
std::uint64_t shown_max_alloc(const Tenant& tenant, const ContextRecord& context);

/// Puts the granted ones of `devices` first, in order; returns how many.
cl_uint keep_granted(const Driver& next, cl_device_id* devices, cl_uint count);

}  // namespace melon::shim

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace melon::sim {

/// How the simulated driver behaves; from MELON_SIM_OPENCL, "name=value,name=value".
struct Script {
  unsigned devices = 1;
  std::uint64_t memory_mib = 16384;  // of each device; what it really has
  unsigned units = 4;
  bool is_cpu = false;            // type=cpu: kernels burn the driver's thread; else they only last
  std::uint64_t kernel_us = 100;  // of kernels whose name does not end in a number of microseconds
  std::uint64_t bytes_per_ns = 16;  // of copies and fills
  std::uint64_t oom_at = 0;         // this allocation (1 = first) and all later ones fail
  std::uint64_t delay_us = 0;       // allocations return this late
  bool profiling = true;            // false: queues with profiling are refused
  bool identity = false;            // devices tell UUID and PCI address
  std::string suffix = "MELONSIM";  // ICD loaders ask the platform for functions that end in it
  bool constant = false;            // commands are complete at once, for benchmarks
  bool virtual_clock = false;       // time passes only while someone waits
  bool hold_until_flush = false;  // commands start only after clFlush, clFinish or a blocking call
};
const Script& script();

/// What the driver itself counted, independently of any ledger: shared by all processes that name
/// the same file in MELON_SIM_OPENCL_COUNTERS, else private. Bytes are rounded up to 4 KiB each.
struct Counters {
  std::atomic<std::int64_t> bytes;       // allocated now, all devices
  std::atomic<std::int64_t> peak_bytes;  // most at any time
  std::atomic<std::int64_t> objects;
  std::atomic<std::int64_t> allocations;  // ever
  std::atomic<std::int64_t> launches;     // kernels started
  std::atomic<std::int64_t> busy_ns;      // device time of all commands
  std::atomic<std::int64_t> device_bytes[8];
};
Counters& counters();

/// Counts an allocation. False: the device is full or the script says so.
bool count_allocation(unsigned device, std::uint64_t bytes);
void count_release(unsigned device, std::uint64_t bytes);

/// CLOCK_MONOTONIC or the virtual clock, ns.
std::uint64_t now();

}  // namespace melon::sim

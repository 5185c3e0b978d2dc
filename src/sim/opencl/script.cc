// SPDX-License-Identifier: Apache-2.0
// Reads the script, and counts what the simulated devices hold.

#include "sim/opencl/script.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "sim/opencl/engine.h"

namespace melon::sim {
namespace {

void apply(Script& script, const std::string& name, const std::string& value) {
  const std::uint64_t number = std::strtoull(value.c_str(), nullptr, 10);
  if (name == "devices") script.devices = static_cast<unsigned>(number);
  if (name == "memory_mib") script.memory_mib = number;
  if (name == "units") script.units = static_cast<unsigned>(number);
  if (name == "type") script.is_cpu = value == "cpu";
  if (name == "kernel_us") script.kernel_us = number;
  if (name == "bytes_per_ns" && number != 0) script.bytes_per_ns = number;
  if (name == "oom_at") script.oom_at = number;
  if (name == "delay_us") script.delay_us = number;
  if (name == "profiling") script.profiling = number != 0;
  if (name == "identity") script.identity = number != 0;
  if (name == "suffix") script.suffix = value;
  if (name == "constant") script.constant = number != 0;
  if (name == "clock") script.virtual_clock = value == "virtual";
  if (name == "hold_until_flush") script.hold_until_flush = number != 0;
}

Script read_script() {
  Script script;
  const char* rest = std::getenv("MELON_SIM_OPENCL");
  while (rest != nullptr && *rest != 0) {
    const char* const end = std::strchr(rest, ',');
    const std::string item = end != nullptr ? std::string(rest, end) : std::string(rest);
    const std::size_t equals = item.find('=');
    if (equals != std::string::npos) apply(script, item.substr(0, equals), item.substr(equals + 1));
    rest = end != nullptr ? end + 1 : nullptr;
  }
  if (script.devices > 8) script.devices = 8;
  return script;
}

Counters* map_counters() {
  const char* const path = std::getenv("MELON_SIM_OPENCL_COUNTERS");
  const int fd = path != nullptr ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
  if (fd >= 0 && ftruncate(fd, sizeof(Counters)) == 0) {
    void* const memory = mmap(nullptr, sizeof(Counters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory != MAP_FAILED) return static_cast<Counters*>(memory);
  }
  return new Counters{};
}

}  // namespace

const Script& script() {
  static const Script kRead = read_script();
  return kRead;
}

Counters& counters() {
  static Counters* const kMapped = map_counters();
  return *kMapped;
}

bool count_allocation(unsigned device, std::uint64_t bytes) {
  Counters& all = counters();
  if (script().delay_us != 0) usleep(static_cast<useconds_t>(script().delay_us));
  const std::int64_t number = all.allocations.fetch_add(1) + 1;
  if (script().oom_at != 0 && number >= static_cast<std::int64_t>(script().oom_at)) return false;
  const auto amount = static_cast<std::int64_t>(bytes);
  const auto room = static_cast<std::int64_t>(script().memory_mib << 20);
  if (all.device_bytes[device].fetch_add(amount) + amount > room) {
    all.device_bytes[device].fetch_sub(amount);
    return false;
  }
  const std::int64_t held = all.bytes.fetch_add(amount) + amount;
  all.objects.fetch_add(1);
  std::int64_t peak = all.peak_bytes.load();
  while (peak < held && !all.peak_bytes.compare_exchange_weak(peak, held)) {
  }
  return true;
}

void count_release(unsigned device, std::uint64_t bytes) {
  const auto amount = static_cast<std::int64_t>(bytes);
  counters().device_bytes[device].fetch_sub(amount);
  counters().bytes.fetch_sub(amount);
  counters().objects.fetch_sub(1);
}

std::uint64_t now() {
  if (script().virtual_clock) return melon_sim_now(nullptr);
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace melon::sim

// SPDX-License-Identifier: Apache-2.0
// NVIDIA devices through libnvidia-ml, loaded by hand: the few entry points that we need.
#include "devlib/nvml.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include "devlib/detail/simulated.h"

namespace melon::devlib {
namespace {

// The part of NVML's binary interface that is used here. Its numbers and layouts are stable.
using NvmlDevice = struct NvmlDeviceRecord*;
constexpr int kSuccess = 0;
constexpr int kNoPermission = 4;
constexpr int kInsufficientSize = 7;
constexpr int kOtherDriverVersion = 18;

struct NvmlMemory {
  unsigned long long total, free, used;
};
struct NvmlUtilization {
  unsigned gpu, memory;  // percent, over the library's own window of up to 1 s
};
struct NvmlPci {
  std::array<char, 16> legacy_bus_id;
  unsigned domain, bus, device, device_id, subsystem_id;
  std::array<char, 32> bus_id;
};
struct NvmlProcess {
  unsigned pid;
  unsigned long long used_memory;
  unsigned gpu_instance, compute_instance;
};

struct Nvml {
  int (*init)() = nullptr;
  const char* (*error_text)(int) = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*handle)(unsigned, NvmlDevice*) = nullptr;
  int (*name)(NvmlDevice, char*, unsigned) = nullptr;
  int (*uuid)(NvmlDevice, char*, unsigned) = nullptr;
  int (*pci)(NvmlDevice, NvmlPci*) = nullptr;
  int (*memory)(NvmlDevice, NvmlMemory*) = nullptr;
  int (*utilization)(NvmlDevice, NvmlUtilization*) = nullptr;
  int (*compute_processes)(NvmlDevice, unsigned*, NvmlProcess*) = nullptr;
  int (*graphics_processes)(NvmlDevice, unsigned*, NvmlProcess*) = nullptr;

  explicit operator bool() const {
    return init != nullptr && count != nullptr && handle != nullptr;
  }
};

/// The first of these names that the library has.
template <class Function>
void bind(void* library, std::initializer_list<const char*> names, Function& function) {
  for (const char* const name : names)
    if (function == nullptr) function = reinterpret_cast<Function>(::dlsym(library, name));
}

Nvml load(const std::vector<std::string>& libraries) {
  Nvml nvml;
  for (const std::string& name : libraries) {
    void* const library = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) continue;
    bind(library, {"nvmlInit_v2"}, nvml.init);
    bind(library, {"nvmlErrorString"}, nvml.error_text);
    bind(library, {"nvmlDeviceGetCount_v2"}, nvml.count);
    bind(library, {"nvmlDeviceGetHandleByIndex_v2"}, nvml.handle);
    bind(library, {"nvmlDeviceGetName"}, nvml.name);
    bind(library, {"nvmlDeviceGetUUID"}, nvml.uuid);
    bind(library, {"nvmlDeviceGetPciInfo_v3"}, nvml.pci);
    bind(library, {"nvmlDeviceGetMemoryInfo"}, nvml.memory);
    bind(library, {"nvmlDeviceGetUtilizationRates"}, nvml.utilization);
    bind(library,
         {"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"},
         nvml.compute_processes);
    bind(library,
         {"nvmlDeviceGetGraphicsRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v2"},
         nvml.graphics_processes);
    if (nvml) break;
  }
  return nvml;
}

/// "GPU-8b0a..-..": the 32 hex digits that OpenCL tells for the same card.
std::string plain_uuid(std::string_view text) {
  if (text.starts_with("GPU-")) text.remove_prefix(4);
  std::string digits;
  for (const char c : text)
    if (c != '-') digits.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  return digits;
}

class NvmlLibrary final : public DeviceLibrary {
 public:
  explicit NvmlLibrary(const vendors::Descriptor& vendor) : vendor_(vendor) {}

  Discovered enumerate() override {
    handles_.clear();
    if (!nvml_) nvml_ = load(vendor_.libraries);
    if (!nvml_) return {};
    unsigned count = 0;
    int failed = started_ ? kSuccess : nvml_.init();
    started_ = failed == kSuccess;
    if (failed == kSuccess) failed = nvml_.count(&count);
    if (failed != kSuccess) return {.faults = {unavailable(failed)}};
    Discovered found;
    for (unsigned index = 0; index < count; ++index) add(index, found);
    return found;
  }

  Sample sample(const core::Device& device) override {
    const auto handle = handles_.find(device.key);
    if (handle == handles_.end()) return unhealthy("the driver does not list it any more");
    Sample sample;
    NvmlMemory memory{};
    if (const int failed = ask(nvml_.memory, handle->second, &memory); failed != kSuccess)
      return unhealthy(error_text(failed));
    sample.used_memory = MiB(static_cast<std::int64_t>(memory.used >> 20));
    NvmlUtilization utilization{};
    if (ask(nvml_.utilization, handle->second, &utilization) == kSuccess)
      sample.utilization = Permille(std::int64_t{std::min(utilization.gpu, 100U)} * 10);
    return sample;
  }

  std::optional<std::vector<ToldProcess>> processes(const core::Device& device) override {
    const auto handle = handles_.find(device.key);
    if (handle == handles_.end() || nvml_.compute_processes == nullptr) return std::nullopt;
    std::map<int, std::optional<MiB>> told;
    for (const auto list : {nvml_.compute_processes, nvml_.graphics_processes})
      if (list != nullptr && !add_processes(list, handle->second, told)) return std::nullopt;
    std::vector<ToldProcess> processes;
    for (const auto& [pid, memory] : told) processes.push_back({pid, memory});
    return processes;
  }

 private:
  template <class Value>
  static int ask(int (*function)(NvmlDevice, Value*), NvmlDevice device, Value* value) {
    constexpr int kFunctionNotFound = 13;
    return function == nullptr ? kFunctionNotFound : function(device, value);
  }

  std::string error_text(int code) const {
    return nvml_.error_text != nullptr ? nvml_.error_text(code)
                                       : fmt::format("NVML error {}", code);
  }

  static Sample unhealthy(std::string reason) {
    return {.health = core::Health::kUnhealthy, .health_reason = std::move(reason)};
  }

  core::Fault unavailable(int code) const {
    const std::string message =
        fmt::format("NVIDIA's library is there but does not work: {}", error_text(code));
    if (code == kOtherDriverVersion) return {.code = "nvidia_driver_outdated", .message = message};
    return {.code = "nvidia_driver_unavailable", .message = message};
  }

  core::Fault unreachable(unsigned index, int code) const {
    const std::string message = fmt::format("NVIDIA device {}: {}", index, error_text(code));
    if (code == kNoPermission) return {.code = "nvidia_device_denied", .message = message};
    return {.code = "nvidia_device_unreachable", .message = message};
  }

  void add(unsigned index, Discovered& found) {
    NvmlDevice handle = nullptr;
    if (const int failed = nvml_.handle(index, &handle); failed != kSuccess) {
      found.faults.push_back(unreachable(index, failed));
      return;
    }
    core::Device device = describe(index, handle);
    handles_[device.key] = handle;
    found.devices.push_back(std::move(device));
  }

  core::Device describe(unsigned index, NvmlDevice handle) const {
    core::Device device;
    device.vendor = vendor_.id;
    device.enforcement = vendor_.enforcement;
    std::array<char, 96> text{};
    if (nvml_.name != nullptr && nvml_.name(handle, text.data(), text.size()) == kSuccess)
      device.type = text.data();
    device.kind = "gpu";
    device.simulated = detail::says_simulated(device.type);
    if (nvml_.uuid != nullptr && nvml_.uuid(handle, text.data(), text.size()) == kSuccess) {
      device.native_id = text.data();
      device.aliases.push_back("uuid:" + plain_uuid(device.native_id));
    }
    NvmlPci pci{};
    if (ask(nvml_.pci, handle, &pci) == kSuccess)  // the function number is 0 for every GPU
      device.aliases.push_back(
          fmt::format("pci:{:04x}:{:02x}:{:02x}.0", pci.domain, pci.bus, pci.device));
    device.key = device.aliases.empty() ? fmt::format("nvml:{}", index) : device.aliases.front();
    NvmlMemory memory{};
    if (const int failed = ask(nvml_.memory, handle, &memory); failed == kSuccess) {
      device.memory = MiB(static_cast<std::int64_t>(memory.total >> 20));
    } else {
      device.health = core::Health::kUnhealthy;
      device.health_reason = error_text(failed);
    }
    return device;
  }

  /// Rounded up: what is shown is never less than what is held.
  static std::optional<MiB> memory_of(const NvmlProcess& process) {
    constexpr unsigned long long kNotTold = ~0ULL;  // as where a display driver owns the memory
    if (process.used_memory == kNotTold) return std::nullopt;
    constexpr unsigned long long kBelowMiB = (1ULL << 20) - 1;
    return MiB(static_cast<std::int64_t>((process.used_memory >> 20) +
                                         ((process.used_memory & kBelowMiB) != 0 ? 1 : 0)));
  }

  /// A process of both lists has the same memory in both. The list may grow between the question
  /// for its size and the one for its content.
  static bool add_processes(int (*list)(NvmlDevice, unsigned*, NvmlProcess*), NvmlDevice handle,
                            std::map<int, std::optional<MiB>>& told) {
    std::vector<NvmlProcess> entries(32);
    for (int attempt = 0; attempt < 4; ++attempt) {
      auto count = static_cast<unsigned>(entries.size());
      const int code = list(handle, &count, entries.data());
      if (code == kInsufficientSize) {
        entries.resize(std::size_t{count} * 2 + 32);
        continue;
      }
      if (code != kSuccess) return false;
      entries.resize(std::min<std::size_t>(count, entries.size()));
      for (const NvmlProcess& entry : entries) {
        std::optional<MiB>& memory = told[static_cast<int>(entry.pid)];
        memory = std::max(memory, memory_of(entry));  // told is more than not told
      }
      return true;
    }
    return false;
  }

  vendors::Descriptor vendor_;
  Nvml nvml_;
  bool started_ = false;
  std::map<std::string, NvmlDevice> handles_;  // by Device::key
};

}  // namespace

std::unique_ptr<DeviceLibrary> open_nvml(const vendors::Descriptor& vendor, const Settings&) {
  return std::make_unique<NvmlLibrary>(vendor);
}

}  // namespace melon::devlib

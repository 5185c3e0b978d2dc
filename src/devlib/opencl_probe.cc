// SPDX-License-Identifier: Apache-2.0
// The child's side of OpenCL discovery: loads foreign drivers and prints what they say.
#define CL_TARGET_OPENCL_VERSION 300
#include "devlib/opencl_probe.h"

#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

#include "shim/abi/device_key.h"

namespace melon::devlib {
namespace {

using Json = nlohmann::json;

/// The few entry points that discovery needs.
struct OpenCl {
  decltype(&::clGetPlatformIDs) platform_ids = nullptr;
  decltype(&::clGetPlatformInfo) platform_info = nullptr;
  decltype(&::clGetDeviceIDs) device_ids = nullptr;
  decltype(&::clGetDeviceInfo) device_info = nullptr;

  explicit operator bool() const {
    return platform_ids != nullptr && platform_info != nullptr && device_ids != nullptr &&
           device_info != nullptr;
  }
};

template <class Function>
void bind(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
}

OpenCl load(const std::vector<std::string>& libraries) {
  OpenCl opencl;
  for (const std::string& name : libraries) {
    void* const library = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) continue;
    bind(library, "clGetPlatformIDs", opencl.platform_ids);
    bind(library, "clGetPlatformInfo", opencl.platform_info);
    bind(library, "clGetDeviceIDs", opencl.device_ids);
    bind(library, "clGetDeviceInfo", opencl.device_info);
    if (opencl) break;
  }
  return opencl;
}

/// A name as the shim reads it: one that does not fit the buffer is empty, for both.
template <std::size_t kBytes, class Handle, class Query>
std::string name_of(Query query, Handle handle, cl_uint which) {
  std::array<char, kBytes> text{};
  query(handle, which, text.size() - 1, text.data(), nullptr);
  return text.data();
}

template <class Value>
Value number_of(const OpenCl& opencl, cl_device_id device, cl_device_info which) {
  Value value{};
  opencl.device_info(device, which, sizeof value, &value, nullptr);
  return value;
}

std::string extensions_of(const OpenCl& opencl, cl_device_id device) {
  std::size_t bytes = 0;
  if (opencl.device_info(device, CL_DEVICE_EXTENSIONS, 0, nullptr, &bytes) != CL_SUCCESS) return {};
  std::string text(bytes, '\0');
  opencl.device_info(device, CL_DEVICE_EXTENSIONS, bytes, text.data(), nullptr);
  return text;
}

std::string uuid_of(const OpenCl& opencl, cl_device_id device, std::string_view extensions) {
  std::array<cl_uchar, CL_UUID_SIZE_KHR> uuid{};
  if (extensions.find("cl_khr_device_uuid") == std::string_view::npos ||
      opencl.device_info(device, CL_DEVICE_UUID_KHR, sizeof uuid, uuid.data(), nullptr) !=
          CL_SUCCESS)
    return {};
  std::string text;
  for (const cl_uchar byte : uuid) text += fmt::format("{:02x}", byte);
  return text;
}

std::string pci_of(const OpenCl& opencl, cl_device_id device, std::string_view extensions) {
  cl_device_pci_bus_info_khr pci{};
  if (extensions.find("cl_khr_pci_bus_info") == std::string_view::npos ||
      opencl.device_info(device, CL_DEVICE_PCI_BUS_INFO_KHR, sizeof pci, &pci, nullptr) !=
          CL_SUCCESS)
    return {};
  return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", pci.pci_domain, pci.pci_bus, pci.pci_device,
                     pci.pci_function);
}

std::string_view kind_of(cl_device_type type) {
  if ((type & CL_DEVICE_TYPE_GPU) != 0) return "gpu";
  if ((type & CL_DEVICE_TYPE_CPU) != 0) return "cpu";
  return "accelerator";
}

Json describe(const OpenCl& opencl, cl_device_id device) {
  const std::string extensions = extensions_of(opencl, device);
  return {
      {"name", name_of<abi::kDeviceNameBytes>(opencl.device_info, device, CL_DEVICE_NAME)},
      {"kind", kind_of(number_of<cl_device_type>(opencl, device, CL_DEVICE_TYPE))},
      {"memory_bytes", number_of<cl_ulong>(opencl, device, CL_DEVICE_GLOBAL_MEM_SIZE)},
      {"compute_units", number_of<cl_uint>(opencl, device, CL_DEVICE_MAX_COMPUTE_UNITS)},
      {"available", number_of<cl_bool>(opencl, device, CL_DEVICE_AVAILABLE) == CL_TRUE},
      {"uuid", uuid_of(opencl, device, extensions)},
      {"pci", pci_of(opencl, device, extensions)},
  };
}

void print(int out, const Json& line) {
  const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto written = ::write(out, rest.data(), rest.size());
    if (written <= 0) ::_exit(1);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

void print_devices(const OpenCl& opencl, cl_platform_id platform, int out) {
  const auto platform_name =
      name_of<abi::kPlatformNameBytes>(opencl.platform_info, platform, CL_PLATFORM_NAME);
  cl_uint count = 0;
  if (opencl.device_ids(platform, CL_DEVICE_TYPE_ALL, 0, nullptr, &count) != CL_SUCCESS) return;
  std::vector<cl_device_id> devices(count);
  if (opencl.device_ids(platform, CL_DEVICE_TYPE_ALL, count, devices.data(), nullptr) != CL_SUCCESS)
    return;
  std::map<std::string, unsigned> ordinals;
  for (cl_device_id device : devices) {
    Json line = describe(opencl, device);
    line["platform"] = platform_name;
    line["ordinal"] = ordinals[line["name"].get<std::string>()]++;
    print(out, line);
  }
}

}  // namespace

int run_opencl_probe(const std::vector<std::string>& libraries) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a hanging driver does not outlive who asked
  // Drivers print on stdout what they like; what they print goes where their errors go.
  const int out = ::dup(STDOUT_FILENO);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  const OpenCl opencl =
      load(libraries.empty() ? std::vector<std::string>{"libOpenCL.so.1"} : libraries);
  cl_uint count = 0;
  if (opencl && opencl.platform_ids(0, nullptr, &count) == CL_SUCCESS && count > 0) {
    std::vector<cl_platform_id> platforms(count);
    opencl.platform_ids(count, platforms.data(), nullptr);
    for (cl_platform_id platform : platforms) print_devices(opencl, platform, out);
  }
  print(out, {{"complete", true}});
  ::_exit(0);  // drivers' exit code has crashed before
}

}  // namespace melon::devlib

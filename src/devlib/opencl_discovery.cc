// SPDX-License-Identifier: Apache-2.0
// The parent's side of OpenCL discovery: runs probes, reads their lines, names drivers that fail.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "base/shell_word.h"
#include "devlib/detail/child_output.h"
#include "devlib/detail/cpu_load.h"
#include "devlib/detail/simulated.h"
#include "devlib/opencl_probe.h"
#include "shim/abi/device_key.h"
#include "shim/abi/region.h"

namespace melon::devlib {
namespace {

using Json = nlohmann::json;
using detail::ChildOutput;

constexpr const char* kVendorsVariable = "OCL_ICD_VENDORS";
constexpr const char* kVendorsFolder = "/etc/OpenCL/vendors";

/// The probe sees the devices as they are: without our own library, without layers.
std::vector<std::string> probe_environment(const std::string& only_driver) {
  std::vector<std::string> hidden = {
      "LD_PRELOAD=", "OPENCL_LAYERS=", std::string(abi::kGrantVariable) + "="};
  if (!only_driver.empty()) hidden.push_back(std::string(kVendorsVariable) + "=");
  std::vector<std::string> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (std::ranges::none_of(hidden, [&](const auto& name) { return text.starts_with(name); }))
      kept.emplace_back(text);
  }
  if (!only_driver.empty()) kept.push_back(std::string(kVendorsVariable) + "=" + only_driver);
  return kept;
}

/// The files that name drivers to the OpenCL loader.
std::vector<std::string> driver_files() {
  namespace fs = std::filesystem;
  const char* const named = std::getenv(kVendorsVariable);  // NOLINT: nobody sets it meanwhile
  const fs::path place = named != nullptr && *named != 0 ? named : kVendorsFolder;
  std::error_code ignored;
  if (!fs::is_directory(place, ignored)) return {place.string()};
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(place, ignored))
    if (entry.path().extension() == ".icd") files.push_back(entry.path().string());
  std::ranges::sort(files);
  return files;
}

/// Empty when a line has not what a device needs, or is of a kind that the vendor does not take.
std::optional<core::Device> to_device(const Json& line, const vendors::Descriptor& vendor) {
  const auto kind = vendors::parse_word<vendors::Kind>(line.value("kind", ""));
  if (!kind) return std::nullopt;
  if (!vendor.kinds.empty() && std::ranges::find(vendor.kinds, *kind) == vendor.kinds.end())
    return std::nullopt;
  const std::string platform = line.value("platform", "");
  const std::string uuid = line.value("uuid", "");
  const std::string pci = line.value("pci", "");
  core::Device device;
  device.vendor = vendor.id;
  device.type = line.value("name", "");
  char key[abi::kKeyBytes];
  abi::opencl_device_key(key, platform.c_str(), device.type.c_str(), line.value("ordinal", 0U),
                         uuid.c_str(), pci.c_str());
  device.key = key;
  device.is_cpu = *kind == vendors::Kind::kCpu;
  device.kind = line.value("kind", "");
  device.simulated = detail::says_simulated(platform) || detail::says_simulated(device.type);
  device.enforcement = vendor.enforcement;
  device.memory =
      MiB(static_cast<std::int64_t>(line.value("memory_bytes", std::uint64_t{0}) >> 20));
  device.compute_units = line.value("compute_units", 0);
  if (!uuid.empty()) device.aliases.push_back("uuid:" + uuid);
  if (!pci.empty()) device.aliases.push_back("pci:" + pci);
  if (!line.value("available", false)) {
    device.health = core::Health::kUnhealthy;
    device.health_reason = "its driver says that it is not available";
  }
  return device;
}

/// What one probe found. `complete` is false when it broke off; its devices are not trusted then.
struct Probed {
  std::vector<core::Device> devices;
  bool complete = false;
};

Probed parse_probe(const std::string& text, const vendors::Descriptor& vendor) {
  Probed probed;
  std::istringstream lines(text);
  for (std::string row; std::getline(lines, row);) {
    const Json line = Json::parse(row, nullptr, false);
    if (!line.is_object()) continue;
    try {
      if (line.contains("complete")) probed.complete = true;
      if (auto device = to_device(line, vendor)) probed.devices.push_back(*std::move(device));
    } catch (const Json::exception&) {  // a member of another type: not a line of ours
    }
  }
  return probed;
}

std::string how_it_ended(const ChildOutput& output, std::chrono::milliseconds timeout) {
  if (output.timed_out) return fmt::format("did not answer within {} ms", timeout.count());
  if (output.signal != 0)
    return fmt::format("crashed with signal {} ({})", output.signal, ::strsignal(output.signal));
  return fmt::format("ended with status {}", output.exit_status);
}

/// A fault whose remedy takes a driver from those that programs load.
core::Fault about(const std::string& driver, core::Fault fault) {
  fault.values = {{"driver", shell_word(driver)},
                  {"disabled_driver", shell_word(driver + ".disabled")}};
  return fault;
}

/// A folder that names all of these drivers but one, for as long as the object lives.
class DriverFolder {
 public:
  DriverFolder(const std::vector<std::string>& drivers, const std::string& except) {
    namespace fs = std::filesystem;
    std::error_code ignored;  // a folder that could not be made names no driver
    std::string name = (fs::temp_directory_path(ignored) / "melon-drivers-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) return;
    path_ = name;
    for (const std::string& driver : drivers)
      if (driver != except)
        fs::create_symlink(driver, fs::path(path_) / fs::path(driver).filename(), ignored);
  }
  ~DriverFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  DriverFolder(const DriverFolder&) = delete;
  DriverFolder& operator=(const DriverFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class OpenClLibrary final : public DeviceLibrary {
 public:
  OpenClLibrary(const vendors::Descriptor& vendor, const Settings& settings)
      : vendor_(vendor), settings_(settings) {}

  Discovered enumerate() override {
    const auto output = run_probe("");
    if (!output)
      return {.faults = {{.code = "opencl_probe_failed",
                          .message = output.error().message,
                          .values = {{"binary", shell_word(own_binary())}}}}};
    Probed probed = parse_probe(output->text, vendor_);
    if (probed.complete) return {.devices = std::move(probed.devices)};
    return enumerate_each_alone(*output);
  }

  Sample sample(const core::Device& device) override {
    Sample sample{.health = device.health, .health_reason = device.health_reason};
    if (device.is_cpu && !device.simulated) sample.utilization = cpu_load_.since_last();
    return sample;
  }

  std::optional<std::vector<ToldProcess>> processes(const core::Device&) override {
    return std::nullopt;
  }

 private:
  Result<ChildOutput> run_probe(const std::string& only_driver) {
    std::vector<std::string> arguments = {settings_.self_executable, std::string(kProbeArgument)};
    arguments.insert(arguments.end(), vendor_.libraries.begin(), vendor_.libraries.end());
    return detail::run_child(arguments, probe_environment(only_driver), settings_.probe_timeout);
  }

  std::string own_binary() const {
    std::error_code error;
    const auto binary = std::filesystem::read_symlink(settings_.self_executable, error);
    return error ? settings_.self_executable : binary.string();
  }

  Discovered enumerate_each_alone(const ChildOutput& together) {
    Discovered found;
    const std::vector<std::string> drivers = driver_files();
    for (const std::string& driver : drivers) {
      const auto output = run_probe(driver);
      if (!output) continue;
      Probed probed = parse_probe(output->text, vendor_);
      if (probed.complete)
        std::ranges::move(probed.devices, std::back_inserter(found.devices));
      else
        found.faults.push_back(blame(driver, *output));
    }
    if (found.faults.empty() && !drivers.empty())
      found.faults.push_back(
          about(dispensable_of(drivers),
                {.code = "opencl_drivers_clash",
                 .message = "OpenCL discovery " + how_it_ended(together, settings_.probe_timeout) +
                            ", although each driver alone answers"}));
    return found;
  }

  /// One without which the others work together; the last when there is no such.
  std::string dispensable_of(const std::vector<std::string>& drivers) {
    for (const std::string& candidate : drivers) {
      const DriverFolder others(drivers, candidate);
      const auto output = run_probe(others.path());
      if (output && parse_probe(output->text, vendor_).complete) return candidate;
    }
    return drivers.back();
  }

  core::Fault blame(const std::string& driver, const ChildOutput& output) const {
    const std::string message = fmt::format("OpenCL driver '{}' {} when asked for its devices",
                                            driver, how_it_ended(output, settings_.probe_timeout));
    if (output.timed_out) return about(driver, {.code = "opencl_driver_hangs", .message = message});
    return about(driver, {.code = "opencl_driver_crashes", .message = message});
  }

  vendors::Descriptor vendor_;
  Settings settings_;
  detail::CpuLoad cpu_load_;
};

}  // namespace

std::unique_ptr<DeviceLibrary> open_opencl(const vendors::Descriptor& vendor,
                                           const Settings& settings) {
  return std::make_unique<OpenClLibrary>(vendor, settings);
}

}  // namespace melon::devlib

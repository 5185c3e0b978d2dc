// SPDX-License-Identifier: Apache-2.0
#pragma once

// A grant of its own and a simulated device for one test. Every test is a process of its own,
// started with libmelon.so as preload, as layer, or both (see CMakeLists.txt).

#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_1_APIS
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <CL/cl_ext.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "sim/opencl/script.h"

namespace melon::test {

constexpr std::uint64_t kGranuleBytes = 4096;
constexpr std::uint64_t kMiB = 1 << 20;

/// What a grant's files say, as `melon-shim-fixture report` prints it.
struct GrantReport {
  std::uint64_t used_bytes, refusals, launches, consumed_ns, flags;
};

/// Makes a grant by hand and names it, and the simulated driver's script, in the environment.
/// Nothing of OpenCL is touched before device() is called, so children may be forked first.
class Scene {
 public:
  /// `limits`: options of melon-shim-fixture; `script`: the simulated driver's
  /// (sim/opencl/script.h).
  explicit Scene(const std::string& limits = "--memory 1048576", const std::string& script = "");
  ~Scene();
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  /// Changes the limits, as `melon set` does.
  void set(const std::string& limits) const;
  GrantReport report() const;
  /// Another grant on the same device: its folder, for MELON_GRANT.
  std::filesystem::path add_rival(const std::string& limits) const;
  /// What the simulated driver itself counted; of all processes of the scene.
  const sim::Counters& driver() const { return *counters_; }
  std::filesystem::path grant() const { return root_ / "grants" / "g"; }
  std::filesystem::path root() const { return root_; }

  cl_platform_id platform();
  cl_device_id device();
  cl_context context();
  cl_command_queue queue(cl_command_queue_properties flags = 0);
  cl_program program();
  cl_kernel kernel(const char* name);

  cl_mem buffer(std::uint64_t bytes, cl_int* status = nullptr);
  cl_ulong device_number(cl_device_info what);

 private:
  std::string fixture(const std::string& verb, const std::string& options,
                      const std::string& grant = "g") const;

  std::filesystem::path root_;
  sim::Counters* counters_ = nullptr;
  cl_platform_id platform_ = nullptr;
  cl_device_id device_ = nullptr;
  cl_context context_ = nullptr;
  cl_program program_ = nullptr;
};

/// Runs `body` in a forked child; its return value is the exit status. Returns the pid.
int in_child(const std::function<int()>& body);
/// Waits for a child: its exit status, or 128 + signal.
int outcome_of(int pid);
/// True once `condition` holds; false when it does not within a generous time.
bool eventually(const std::function<bool()>& condition);

}  // namespace melon::test

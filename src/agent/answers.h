// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/device.h"
#include "core/finding.h"
#include "core/grant.h"
#include "devlib/device_library.h"
#include "net/http.h"
#include "placement/refusal.h"
#include "vendors/descriptor.h"

namespace melon::agent {

/// What is really used of one slice, as last sampled. Empty: unknown.
struct SliceUse {
  std::optional<MiB> memory = {};
  std::optional<Permille> compute = {};
  std::optional<Permille> throttled = {};
};

/// What one process uses of each of its grant's slices.
struct ProcessUse {
  unsigned slot = 0;  // its number in the grant; a later process may get it again
  std::vector<MiB> memory = {};
};

/// A grant as one caller may see it.
struct GrantView {
  const core::Grant* grant = nullptr;
  std::string owner = {};
  std::vector<SliceUse> use = {};          // one per slice, or empty
  std::vector<ProcessUse> processes = {};  // for metrics; at most kMostProcessesShown
  std::vector<std::string> flags = {};
  bool show_private = false;  // the rest only then
  std::vector<int> pids = {};
  std::string folder = {};  // empty: none
};

/// What processes outside any grant's limits hold of a device, summed up.
struct UnmanagedUse {
  int processes = 0;
  // Empty: not told of one of them.
  std::optional<MiB> used_memory = MiB(0);
  std::optional<MiB> resident_memory = MiB(0);

  void add(const devlib::MemoryHeld& memory);
};

struct DeviceView {
  placement::DeviceState state = {};
  placement::Limits limits = {};
  std::optional<MiB> used_memory = {};
  std::optional<Permille> utilization = {};
  std::vector<std::string> grants = {};
  UnmanagedUse unmanaged = {};
};

struct ProcessView {
  std::optional<int> pid = {};
  std::string user = {};
  std::string device = {};  // empty: not seen on one
  std::string grant = {};   // empty: none
  bool managed = false;
  devlib::MemoryHeld memory = {};  // on that device
  std::optional<std::string> command = {};
};

struct Mount {
  std::string source = {};
  std::string target = {};
  bool read_only = true;
};

struct GrantEnvironment {
  std::vector<std::pair<std::string, std::string>> variables = {};
  std::vector<Mount> mounts = {};
};

struct VersionView {
  int pid = 0;
  std::string user = {};
  std::string state_folder = {};
  std::string preload_library = {};  // empty: not found
};

struct HealthView {
  bool stopping = false;
  std::size_t grants = 0;
  std::size_t devices = 0;
  std::size_t findings = 0;
};

/// JSON texts in the shapes of api/openapi.yaml. Text that is not UTF-8 is mended, never refused.
std::string to_json(const GrantView& view);
std::string to_json(const DeviceView& view);
std::string to_json(const ProcessView& view);
std::string to_json(const core::Finding& finding);
std::string to_json(const GrantEnvironment& environment);
std::string to_json(const VersionView& view);
std::string to_json(const HealthView& view);
std::string to_json(const vendors::Descriptor& vendor);
std::string plan_json(const placement::Placement& placement);
std::string explanation_json(const core::Grant& grant, const std::string& reason,
                             const std::optional<placement::Refusal>& refusal);
std::string event_json(std::int64_t id, std::int64_t unix_ms, const std::string& kind,
                       const std::string& grant, const std::string& message);
/// "[a,b]" of texts that are JSON already.
std::string json_array(const std::vector<std::string>& items);

enum class Asked { kNewGrant, kChange };  // only a new grant can wait for room

/// 409 does_not_fit with its reasons and what would fit.
net::HttpResponse refusal_answer(const placement::Refusal& refusal, Asked asked = Asked::kNewGrant);
net::HttpResponse json_answer(int status, std::string body);

}  // namespace melon::agent

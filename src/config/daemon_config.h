// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "core/request.h"
#include "telemetry/log.h"

namespace melon::config {

/// What one user may hold at once, over all devices. An empty field is no limit. Root is not bound.
struct UserLimits {
  std::optional<MiB> memory = {};
  std::optional<Permille> compute = {};  // booked, summed over devices: 2000 is two whole ones
  std::optional<int> grants = {};
  std::optional<core::Priority> priority = {};    // the highest that may be asked for
  std::optional<int> weight = {};                 // the highest that may be asked for
  std::optional<std::chrono::seconds> age = {};   // a grant is stopped when it is older
  std::optional<std::chrono::seconds> idle = {};  // or has used no device time for so long

  bool operator==(const UserLimits&) const = default;
};

/// What the daemon's YAML file says. Every field has a default; empty paths mean the place that
/// suits the user who runs the daemon. Written and read by the table in keys.h alone.
struct DaemonConfig {
  std::string state_folder = {};
  std::string socket = {};
  std::string metrics_address = {};  // empty: metrics only on the socket
  std::string lock_folder = {};
  std::string vendors_folder = {};
  Permille overcommit_memory{1000};  // of each device; 1000: not overcommitted
  Permille overcommit_compute{1000};
  std::chrono::seconds keep{60};  // time to live of a grant without a process
  std::chrono::milliseconds sampling_interval{500};
  telemetry::Level log_level = telemetry::Level::kInfo;
  std::vector<std::string> ignored_devices = {};   // ids, aliases or vendors
  UserLimits limits = {};                          // of every user
  std::map<std::uint32_t, UserLimits> users = {};  // by Unix user id: what differs from `limits`

  /// The limits of one user: each field from `users`, else from `limits`; none at all for root.
  UserLimits limits_of(std::uint32_t uid) const;
  bool operator==(const DaemonConfig&) const = default;
};

/// The user id of a user name; empty when there is no such user.
using FindUser = std::function<std::optional<std::uint32_t>(const std::string& name)>;

/// Reads a configuration. `file` names it in messages. Unknown keys, keys given twice and values
/// out of range are errors: kInvalidArgument, "FILE:LINE: ...". An empty text is the default.
Result<DaemonConfig> parse_daemon_config(const std::string& file, std::string_view text,
                                         const FindUser& find_user);

/// Reads the file, with this machine's users. Errors: kNotFound or kPermissionDenied when it cannot
/// be read, those of parse_daemon_config().
Result<DaemonConfig> load_daemon_config(const std::string& file);

}  // namespace melon::config

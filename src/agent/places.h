// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/daemon_config.h"

namespace melon::agent {

/// What the command line of a daemon says; empty: not said.
struct DaemonOptions {
  std::string state_folder = {};
  std::string socket = {};
  std::string config_file = {};
  std::string metrics_address = {};
};

/// Where a daemon keeps what.
struct Places {
  std::string state_folder = {};
  std::string socket = {};
  unsigned socket_mode = 0600;
};

/// What decides where things are, beside options: passed in, so that this is pure.
struct Surroundings {
  std::uint32_t uid = 0;
  std::string state_home = {};   // $XDG_STATE_HOME, or ~/.local/state
  std::string config_home = {};  // $XDG_CONFIG_HOME, or ~/.config
  std::string runtime_dir = {};  // $XDG_RUNTIME_DIR
};
Surroundings real_surroundings();

/// An option wins over the configuration, that over the user's default: /var/lib/melon and
/// /run/melon for root, $XDG_STATE_HOME/melon and $XDG_RUNTIME_DIR/melon else; a state folder that
/// was named holds the socket too. Errors: kFailedPrecondition when no place is known.
Result<Places> places_of(const DaemonOptions& options, const config::DaemonConfig& config,
                         const Surroundings& around);

/// The configuration that a daemon with these options reads, if it is there: the named one, root's
/// /etc/melon/melon.yaml, or the user's melon/melon.yaml below the configuration's home.
std::string config_file(const DaemonOptions& options, const Surroundings& around);

/// Where libmelon.so may be for a binary at this path, likeliest first.
std::vector<std::string> library_candidates(const std::string& binary);

}  // namespace melon::agent

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/places.h"

namespace melon::agent {

/// How a daemon was started: what doctor must know to start it again as it was. Paths are absolute.
struct StartNote {
  std::string socket = {};
  std::string state_folder = {};
  std::string config_file = {};      // empty: the default one
  std::string metrics_address = {};  // empty: as configured
  std::string unit = {};             // of the service manager that runs it; empty: none
  std::uint32_t owner = 0;           // whose daemon it was; of a note that was found
};

StartNote start_note_of(const DaemonOptions& options, const Places& places);

/// The line for a shell of the daemon's user that starts it again.
std::string start_command(const StartNote& note);

/// Leaves the note in the state folder, and beside the socket when that lies elsewhere. A note that
/// cannot be written is only a worse remedy later.
void leave_start_note(const StartNote& note);

/// The note of the daemon that listened on this socket: beside it, or in one of the folders. Only
/// one that root or `reader` wrote is believed, since doctor makes a command of it.
std::optional<StartNote> find_start_note(const std::string& socket,
                                         const std::vector<std::string>& folders,
                                         std::uint32_t reader);

}  // namespace melon::agent

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/launch.h"
#include "cli/program.h"
#include "cli/session.h"

namespace melon::cli {

/// A grant that a program is about to enter.
struct Workload {
  std::string name;
  std::string folder;   // the grant's; empty: not the caller's to see
  Variables variables;  // what the program's environment must have
};

/// Reads what entering the grant needs. Errors: those of the daemon.
Result<Workload> enter(const Session& session, const Json& grant);

/// Starts the program inside the workload: forks it, registers its pid with the daemon, lets it
/// go. Errors: kNotFound and kFailedPrecondition when the program cannot be executed (`executing`
/// becomes true), otherwise the daemon's.
Result<pid_t> start_inside(const Session& session, const Workload& workload, const Launch& launch,
                           const HeldSignals& signals, bool& executing);

/// Notes how the workload ended, in its folder (for a daemon that is down now) and with the daemon.
/// Neither can fail the caller: the program has ended either way.
void record_ending(const Session& session, const Workload& workload, const Ending& ending);

/// Gives the grant back, whatever its state.
void release(const Session& session, const std::string& name);

/// The private folder of a workload's files.
std::string private_folder(const Workload& workload);

/// Warns of what the program's kind means for its limits and builds its launch.
Launch prepare(const Session& session, const Workload& workload, const std::string& program_path,
               const std::vector<std::string>& command);

/// PATH, or the system's default.
std::string search_path();

}  // namespace melon::cli

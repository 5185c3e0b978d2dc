// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/launch.h"
#include "cli/program.h"
#include "cli/session.h"

namespace melon::cli {

/// A grant that a program is about to enter. It is named to the daemon by its id: another workload
/// may have its name by the time that the program ends.
struct Workload {
  std::string id;
  std::string name;
  std::string folder;   // the grant's; empty: not the caller's to see
  Variables variables;  // what the program's environment must have
};

/// Reads what entering the grant needs. Errors: those of the daemon.
Result<Workload> enter(const Session& session, const Json& grant);

/// Why a program did not start.
struct StartFailure {
  Error error = {};
  /// True: the program itself cannot be executed. False: Melon's own failure, or the daemon's.
  bool by_program = false;
};

template <class T>
using Started = tl::expected<T, StartFailure>;

/// Starts the program inside the workload: forks it, registers its pid with the daemon, lets it
/// go.
Started<pid_t> start_inside(const Session& session, const Workload& workload, const Launch& launch,
                            const HeldSignals& signals);

/// What `run` and `exec` end with when the program did not start: 126 or 127 and a message where
/// the program is the reason, else the error.
Result<int> end_unstarted(const Session& session, const StartFailure& failure);

/// Notes how the workload ended, in its folder (for a daemon that is down now) and with the daemon.
/// Neither can fail the caller: the program has ended either way.
void record_ending(const Session& session, const Workload& workload, pid_t program,
                   const Ending& ending);

/// Gives the grant back, whatever its state.
void release(const Session& session, const std::string& id);

/// The private folder of a workload's files.
std::string private_folder(const Workload& workload);

/// Warns of what the program's kind means for its limits and builds its launch.
Launch prepare(const Session& session, const Workload& workload, const std::string& program_path,
               const std::vector<std::string>& command);

/// PATH, or the system's default.
std::string search_path();

}  // namespace melon::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/output_log.h"
#include "cli/session.h"
#include "cli/workload.h"

namespace melon::cli {

/// Starts the program detached. A keeper (a fork of this process, in a session of its own, as the
/// same user) runs it, keeps its output in the workload's private folder, passes signals on and
/// notes how it ended. Returns in the caller when the program executes; never in the keeper.
/// Errors: as start_inside().
Started<void> start_detached(const Session& session, const Workload& workload, Launch launch,
                             const HeldSignals& signals);

}  // namespace melon::cli

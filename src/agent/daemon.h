// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/places.h"

namespace melon::agent {

/// Runs a daemon until SIGTERM, SIGINT or POST /v1/shutdown; programs go on afterwards under their
/// limits. Says on stderr why it cannot start. The binary that calls this must also answer
/// devlib::kProbeArgument. Returns the process's exit status: 0, 1 failed, 2 wrong configuration,
/// 4 another daemon is there.
int run_daemon(const DaemonOptions& options);

/// Where run_daemon() with these options will keep what: for who starts a daemon and waits for it.
/// Errors: those of the configuration and of places_of().
Result<Places> daemon_places(const DaemonOptions& options);

}  // namespace melon::agent

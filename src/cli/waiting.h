// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/launch.h"
#include "cli/session.h"

namespace melon::cli {

/// Waits until a queued grant has its slices, and returns it. Shows progress on a terminal, plain
/// lines elsewhere. A daemon that is away is waited for, for some minutes. A signal that ends the
/// wait goes to `ended_by`, and the grant still waits. Errors: kResourceExhausted when the grant is
/// over before it had room; the daemon's.
Result<Json> wait_for_room(Session& session, const Json& queued, const HeldSignals& signals,
                           std::optional<int>& ended_by);

/// Waits until a workload is over and returns its grant. A terminal is told meanwhile what it is
/// `doing`, as in "is ending". Without a limit it waits for ever. A daemon that goes away meanwhile
/// is waited for, for some minutes.
/// Errors: kInternal when the time is up; the daemon's.
Result<Json> wait_for_end(const Session& session, const std::string& name, std::string_view doing,
                          std::optional<std::chrono::milliseconds> limit);

}  // namespace melon::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/session.h"
#include "core/finding.h"

namespace melon::cli {

enum class SocketState { kAnswers, kAbsent, kDenied, kDead, kSilent };  // kSilent: held, but mute

/// This caller's surroundings, as plain facts.
struct Surroundings {
  std::string socket = {};
  SocketState socket_state = SocketState::kAnswers;
  int listener_pid = 0;           // who holds the socket; 0: nobody, or it is not told
  bool listener_stopped = false;  // by a signal
  std::string start = {};         // what starts its daemon as it was started last; empty: unknown
  std::string state_beside = {};  // the folder of a daemon's state around the socket, if there
  bool is_root = false;
  std::string opencl_loader = {};                // the library's path; empty: it cannot be loaded
  std::vector<std::string> opencl_drivers = {};  // as they are registered
  std::string driver_variable = {};              // OCL_ICD_VENDORS, when it is set
  std::string own_version = {};
  std::string daemon_version = {};  // empty: not known
};

Surroundings look_around(const Session& session);

/// What follows from the facts: what doctor sees without a daemon, or that a daemon cannot see of
/// its caller. Explained by core/finding.h. Pure.
std::vector<core::Finding> local_findings(const Surroundings& facts);

}  // namespace melon::cli

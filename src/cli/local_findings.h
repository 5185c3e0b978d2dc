// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/session.h"

namespace melon::cli {

/// What `doctor` sees without a daemon, or that a daemon cannot see of its caller.
struct LocalFinding {
  std::string code;
  std::string severity;  // "error", "warning", "info"
  std::string message;
  std::string meaning;
  std::string remedy;  // a command that clears it
};

enum class SocketState { kAnswers, kAbsent, kDenied, kDead };

/// This caller's surroundings, as plain facts.
struct Surroundings {
  std::string socket = {};
  SocketState socket_state = SocketState::kAnswers;
  std::string state_beside = {};  // the folder of a daemon's state around the socket, if there
  bool is_root = false;
  bool has_opencl_loader = true;
  bool has_opencl_driver = true;
  std::string driver_variable = {};  // OCL_ICD_VENDORS, when it is set
  std::string own_version = {};
  std::string daemon_version = {};  // empty: not known
};

Surroundings look_around(const Session& session);

/// What follows from the facts. Pure.
std::vector<LocalFinding> local_findings(const Surroundings& facts);

/// One row of the reference page: every code that local_findings() knows.
struct LocalFindingRow {
  std::string_view code;
  std::string_view severity;
  std::string_view meaning;
};
std::span<const LocalFindingRow> local_finding_codes();

}  // namespace melon::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/grant.h"

namespace melon::agent {

/// What is known of a grant whose descendants are looked for.
struct Descent {
  std::string grant_folder = {};
  /// Who may run in it; a process of anybody else only says that it belongs there.
  std::set<std::uint32_t> users = {};
  std::uint64_t since_ticks = 0;  // none of them started before this
};

/// The living processes that were started inside a grant: those with its folder in MELON_GRANT, and
/// their descendants, whoever their parent is now. Those that were started inside another grant
/// belong to that one. Reads all of /proc: for when the last known process of a grant has gone.
std::vector<core::ProcessId> descendants_of(const Descent& grant);

}  // namespace melon::agent

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "placement/engine.h"

namespace melon::placement {

struct PreemptionOptions {
  /// By GrantSpec::group: how many of its grants may be ended now. A group that is not named here
  /// has no such bound.
  std::map<std::string, std::int64_t> budgets = {};
  /// Trials of a set of victims, over all nodes, before the search is content with what it has: a
  /// set of which none may be left out, but perhaps not one of the fewest.
  std::int64_t most_trials = 40'000;
};

/// Whose end makes room for a request, and where it then goes.
struct Preemption {
  std::uint32_t node = 0;
  std::vector<std::string> victims = {};  // ids; the lowest priority first
  std::int32_t highest_priority = 0;      // of the victims
  detail::Layout layout = {};             // of the request once they are gone
  bool is_least = true;                   // the search came to its end: no smaller set would do
};

/// The grants to end so that a request of this priority fits, split where it may be, or nothing
/// where not even all of them would do. Only grants of lower priority are ended, none without need,
/// and no more of a group than its budget allows. The fewest win; of equally many the lowest
/// priorities, the highest of each set compared first; then the node of lowest rank, and its name.
/// Books and ends nothing.
std::optional<Preemption> preempt(Engine& engine, const Shape& shape, std::int32_t priority,
                                  const PreemptionOptions& options = {});

}  // namespace melon::placement

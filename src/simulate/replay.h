// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "placement/policy.h"
#include "simulate/arrivals.h"
#include "simulate/curve.h"
#include "simulate/trace.h"

namespace melon::simulate {

/// Where one task went.
struct TraceDecision {
  std::uint32_t pod = 0;                   // position in the trace
  std::optional<std::uint32_t> node = {};  // position in the trace; empty: rejected
  std::vector<std::uint16_t> cards = {};
};

struct ReplayOptions {
  const placement::Policy* policy = nullptr;
  std::uint64_t seed = 0;  // of the policies that draw lots
  /// Tasks with devices that fit nowhere may be cut into pieces so.
  std::optional<placement::SplitRule> split = {};
  /// Called after every arrival, if set.
  std::function<void(const TraceDecision& decision)> on_decision = {};
};

/// Lets the tasks arrive one by one at the empty cluster; none ever leaves, and who does not fit is
/// dropped. Errors: kInvalidArgument where a node is not acceptable.
Result<Curve> replay(const Trace& trace, const Arrivals& arrivals, const ReplayOptions& options);

}  // namespace melon::simulate

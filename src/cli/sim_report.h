// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/session.h"
#include "simulate/curve.h"

namespace melon::cli {

/// The curves of one policy: one for each seed, in the order of the seeds.
struct SimulatedPolicy {
  std::string name = {};
  std::vector<std::uint64_t> seeds = {};
  std::vector<simulate::Curve> curves = {};
};

/// Means over seeds, for people: levels of every ten percent and what happened in all; every
/// percent where `wide`.
Table simulation_table(const std::vector<SimulatedPolicy>& policies, bool wide);
Json simulation_json(const std::vector<SimulatedPolicy>& policies);
/// `policy,seed,arrived_percent,allocated_percent,fragmented_idle_percent,
/// fragmented_cluster_percent`: a row for each seed and whole percent, then rows whose seed is
/// "mean".
std::string simulation_csv(const std::vector<SimulatedPolicy>& policies);
/// Rejected tasks and the first reject, one line for each policy.
std::string simulation_summary(const std::vector<SimulatedPolicy>& policies);

}  // namespace melon::cli

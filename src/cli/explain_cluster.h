// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/result.h"
#include "cli/cluster_files.h"

namespace melon::cli {

/// What is asked of a pod beside its place.
struct PodQuestion {
  bool preempt = false;          // whose end would make room for it
  std::optional<int> gang = {};  // whether so many of it start together
};

/// What would become of the one pod that the flags name. Returns the exit code: kConflict when it
/// has no place.
Result<int> explain_pod(Session& session, const ClusterFlags& flags, const PodQuestion& question);
/// The same for many, in order, each of which stays where it goes; without --pod those of the
/// cluster that have no node.
Result<int> place_all(Session& session, const ClusterFlags& flags);
/// Plays scenarios. Returns kFailed when one does not hold.
Result<int> play_scenarios(Session& session, const ClusterFlags& flags,
                           const std::vector<std::string>& files);

}  // namespace melon::cli

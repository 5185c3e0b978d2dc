// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "kube/answer.h"
#include "kube/objects.h"

namespace melon::kube::detail {

/// The cluster of a scenario: its short nodes and pods as Kubernetes has them, and its objects.
/// Expects what the schema allows.
Objects cluster_of(const std::string& origin, const nlohmann::json& scenario);

/// One short pod, or nothing when it breaks a rule of pods, which `set_aside` then holds.
Objects pod_of(const std::string& origin, const nlohmann::json& short_pod);

/// Where an answer differs from what a scenario expects of it, a line each.
std::vector<std::string> differences(const nlohmann::json& expected, const Answer& answer);

}  // namespace melon::kube::detail

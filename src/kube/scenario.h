// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vendors/descriptor.h"

namespace melon::kube {

/// What came of a scenario. It holds when there are no failures.
struct ScenarioResult {
  std::string name = {};
  int pods = 0;
  std::vector<std::string> failures = {};  // "pod web: node: expected n1, found n2"
};

/// Reads a scenario (docs/reference/scenarios.md) from YAML, plays it, and compares. `origin` names
/// the text in messages. Errors: kInvalidArgument, "ORIGIN: FIELD: rule", for what is no scenario.
Result<ScenarioResult> play_scenario(const std::string& origin, std::string_view yaml,
                                     std::span<const vendors::Descriptor> descriptors);

/// As above, of a file. Errors: kNotFound or kPermissionDenied too.
Result<ScenarioResult> play_scenario_file(const std::string& path,
                                          std::span<const vendors::Descriptor> descriptors);

/// The JSON schema (draft 7) of a scenario: what play_scenario() holds it against.
std::string scenario_schema();

}  // namespace melon::kube

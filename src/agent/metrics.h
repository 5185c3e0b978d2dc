// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/answers.h"
#include "telemetry/metrics.h"

namespace melon::agent {

/// What metrics show at one moment. Labels are bounded by the devices and the live grants; no user
/// is named in them.
struct MetricFacts {
  std::vector<DeviceView> devices = {};
  std::vector<GrantView> grants = {};         // live ones
  std::map<std::string, int> states = {};     // state -> grants in it, kept finished ones too
  std::map<std::string, int> processes = {};  // grant's name -> live processes
  std::map<std::string, UnmanagedUse> unmanaged = {};  // by device; "": it is not known which
  std::size_t findings = 0;
};

/// One kind of metric, as the reference page lists it.
struct Metric {
  std::string_view name;  // melon_<what>_<unit>
  telemetry::MetricKind kind;
  std::string_view labels;
  std::string_view help;
};
std::span<const Metric> metrics();

/// All of them in Prometheus' text format.
std::string metrics_text(const MetricFacts& facts);

}  // namespace melon::agent

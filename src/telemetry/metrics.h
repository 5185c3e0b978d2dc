// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace melon::telemetry {

enum class MetricKind { kGauge, kCounter };
std::string_view to_text(MetricKind kind);  // as Prometheus writes it

/// One value of a metric, told from its others by labels.
struct MetricValue {
  std::vector<std::pair<std::string, std::string>> labels = {};  // name, value; any bytes
  double value = 0;
};

/// A metric with its values of one moment. Whoever exports metrics declares them in one table, from
/// which the reference page is made, and fills in the values when asked: nothing lingers of what is
/// gone.
struct MetricFamily {
  std::string name = {};  // [a-z_]+, its unit last: "melon_MODULE_WHAT_bytes"
  MetricKind kind = MetricKind::kGauge;
  std::string help = {};
  std::vector<MetricValue> values = {};
};

/// The text format of Prometheus, version 0.0.4. Pure.
std::string to_text(std::span<const MetricFamily> families);
constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace melon::telemetry

// SPDX-License-Identifier: Apache-2.0
// Metrics as Prometheus reads them.
#include "telemetry/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <sstream>

namespace melon::telemetry {
namespace {

prometheus::ClientMetric to_client_metric(const MetricValue& from, MetricKind kind) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : from.labels) metric.label.push_back({name, value});
  if (kind == MetricKind::kCounter)
    metric.counter.value = from.value;
  else
    metric.gauge.value = from.value;
  return metric;
}

prometheus::MetricFamily to_family(const MetricFamily& from) {
  prometheus::MetricFamily family;
  family.name = from.name;
  family.help = from.help;
  family.type = from.kind == MetricKind::kCounter ? prometheus::MetricType::Counter
                                                  : prometheus::MetricType::Gauge;
  for (const MetricValue& value : from.values)
    family.metric.push_back(to_client_metric(value, from.kind));
  return family;
}

}  // namespace

std::string_view to_text(MetricKind kind) {
  return kind == MetricKind::kCounter ? "counter" : "gauge";
}

std::string to_text(std::span<const MetricFamily> families) {
  std::vector<prometheus::MetricFamily> converted;
  for (const MetricFamily& family : families) converted.push_back(to_family(family));
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, converted);
  return out.str();
}

}  // namespace melon::telemetry

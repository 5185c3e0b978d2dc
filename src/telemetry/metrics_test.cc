// SPDX-License-Identifier: Apache-2.0
// The text that Prometheus scrapes.
#include "telemetry/metrics.h"

#include <gtest/gtest.h>

namespace melon::telemetry {
namespace {

TEST(Metrics, AreWrittenAsPrometheusReadsThem) {
  const std::vector<MetricFamily> families = {
      {.name = "melon_device_memory_bytes",
       .help = "Memory of the device.",
       .values = {{{{"device", "opencl-0"}}, 1073741824.0}, {{{"device", "a\"b\\c\nd"}}, 0.5}}},
      {.name = "melon_launches_total",
       .kind = MetricKind::kCounter,
       .help = "Launches.",
       .values = {{{}, 7}}},
  };
  EXPECT_EQ(to_text(families),
            "# HELP melon_device_memory_bytes Memory of the device.\n"
            "# TYPE melon_device_memory_bytes gauge\n"
            "melon_device_memory_bytes{device=\"opencl-0\"} 1073741824\n"
            "melon_device_memory_bytes{device=\"a\\\"b\\\\c\\nd\"} 0.5\n"
            "# HELP melon_launches_total Launches.\n"
            "# TYPE melon_launches_total counter\n"
            "melon_launches_total 7\n");
  EXPECT_EQ(to_text(std::span<const MetricFamily>{}), "");
}

}  // namespace
}  // namespace melon::telemetry

// SPDX-License-Identifier: Apache-2.0
// Shows simulated curves as a table, CSV or JSON.
#include "cli/sim_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace melon::cli {
namespace {

using simulate::Curve;
using simulate::Level;

std::string percent(double value) { return fmt::format("{:.2f}", value); }

bool is_milestone(int arrived) { return arrived % 10 == 0 || arrived == 95; }

Json levels_json(const Curve& curve) {
  Json levels = Json::array();
  for (const auto& [arrived, level] : curve.levels)
    levels.push_back({{"arrived_percent", arrived},
                      {"allocated_percent", level.allocated},
                      {"fragmented_idle_percent", level.fragmented_idle},
                      {"fragmented_cluster_percent", level.fragmented_cluster}});
  return levels;
}

Json curve_json(const Curve& curve) {
  return {{"arrived", curve.arrived},
          {"rejected", curve.rejected},
          {"first_reject_percent", curve.first_reject ? Json(*curve.first_reject) : Json(nullptr)},
          {"levels", levels_json(curve)}};
}

void append_csv(std::string& text, std::string_view policy, std::string_view seed,
                const Curve& curve) {
  for (const auto& [arrived, level] : curve.levels)
    text += fmt::format("{},{},{},{:.4f},{:.4f},{:.4f}\n", policy, seed, arrived, level.allocated,
                        level.fragmented_idle, level.fragmented_cluster);
}

}  // namespace

Table simulation_table(const std::vector<SimulatedPolicy>& policies, bool wide) {
  Table table{.columns = {{.header = "POLICY"},
                          {.header = "ARRIVED%", .right = true},
                          {.header = "ALLOCATED%", .right = true},
                          {.header = "FRAGMENTED/IDLE%", .right = true},
                          {.header = "FRAGMENTED/CLUSTER%", .right = true}}};
  for (const SimulatedPolicy& policy : policies) {
    const Curve mean = simulate::mean_of(policy.curves);
    const int last = mean.levels.empty() ? 0 : mean.levels.rbegin()->first;
    for (const auto& [arrived, level] : mean.levels)
      if (wide || is_milestone(arrived) || arrived == last)
        table.rows.push_back({policy.name, std::to_string(arrived), percent(level.allocated),
                              percent(level.fragmented_idle), percent(level.fragmented_cluster)});
  }
  return table;
}

std::string simulation_summary(const std::vector<SimulatedPolicy>& policies) {
  std::string text;
  for (const SimulatedPolicy& policy : policies) {
    const Curve mean = simulate::mean_of(policy.curves);
    text += fmt::format(
        "{}: mean of {} seed{}; {:.0f} tasks arrived, {:.0f} rejected, {}\n", policy.name,
        policy.seeds.size(), policy.seeds.size() == 1 ? "" : "s", mean.arrived, mean.rejected,
        mean.first_reject ? fmt::format("the first at {:.2f}% arrived", *mean.first_reject)
                          : "none");
  }
  return text;
}

Json simulation_json(const std::vector<SimulatedPolicy>& policies) {
  Json all = Json::array();
  for (const SimulatedPolicy& policy : policies) {
    Json seeds = Json::array();
    for (std::size_t i = 0; i < policy.seeds.size(); ++i) {
      Json seed = curve_json(policy.curves[i]);
      seed["seed"] = policy.seeds[i];
      seeds.push_back(std::move(seed));
    }
    all.push_back({{"policy", policy.name},
                   {"mean", curve_json(simulate::mean_of(policy.curves))},
                   {"seeds", std::move(seeds)}});
  }
  return all;
}

std::string simulation_csv(const std::vector<SimulatedPolicy>& policies) {
  std::string text =
      "policy,seed,arrived_percent,allocated_percent,fragmented_idle_percent,"
      "fragmented_cluster_percent\n";
  for (const SimulatedPolicy& policy : policies)
    for (std::size_t i = 0; i < policy.seeds.size(); ++i)
      append_csv(text, policy.name, std::to_string(policy.seeds[i]), policy.curves[i]);
  for (const SimulatedPolicy& policy : policies)
    append_csv(text, policy.name, "mean", simulate::mean_of(policy.curves));
  return text;
}

}  // namespace melon::cli

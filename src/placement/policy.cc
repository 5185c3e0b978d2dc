// SPDX-License-Identifier: Apache-2.0
// The table of policies: what each likes in a node.
#include "placement/policy.h"

#include <algorithm>
#include <array>

namespace melon::placement {
namespace {

// What the published baselines divide by, whatever the cluster has: its largest node.
constexpr double kMostCpuMilli = 128'000.0;
constexpr double kMostGpuMilli = 8'000.0;

double cpu_part(std::int64_t milli) { return static_cast<double>(milli) / kMostCpuMilli; }
double gpu_part(std::int32_t milli) { return static_cast<double>(milli) / kMostGpuMilli; }

bool is_empty(const Trial& trial) {
  return std::ranges::all_of(trial.milli, [](std::int16_t milli) { return milli == 1000; });
}

Merit any_node(const Trial&) { return 0; }

Merit dot_product(const Trial& trial) {
  const double product = (cpu_part(trial.node.free.cpu_milli) * cpu_part(trial.host.cpu_milli) +
                          gpu_part(trial.node.milli_free) * gpu_part(trial.milli_taken)) /
                         2.0;
  return static_cast<Merit>(100.0 * (1.0 - product));
}

Merit best_fit(const Trial& trial) {
  const double left = 0.5 * cpu_part(trial.node.free.cpu_milli - trial.host.cpu_milli) +
                      0.5 * gpu_part(trial.node.milli_free - trial.milli_taken);
  return static_cast<Merit>(100.0 * (1.0 - left));
}

/// Used cards first, then free cards of used nodes, then empty nodes.
Merit packing(const Trial& trial) {
  if (trial.cards_taken == 0) return 0;
  const auto cards = static_cast<Merit>(trial.milli.size());
  if (is_empty(trial)) return std::max(33 - cards, cards);
  if (trial.tightest < 1000) return std::max(100 - trial.tightest / 10 / 10, 50);
  return std::max(50 - trial.cards_taken, 33);
}

/// Nodes that hold tasks of the same class first, then mixed ones, then empty ones; tasks without
/// a device are not counted. Of each kind the one that has least free before, measured by the
/// cluster's largest node.
Merit clustering(const Trial& trial) {
  if (trial.cards_taken == 0) return 0;
  constexpr std::int32_t kMostMilli = 8'000;
  const std::int32_t same = trial.node.tasks.at(static_cast<std::size_t>(trial.task));
  const std::int32_t all =
      trial.node.pods - trial.node.tasks.at(static_cast<std::size_t>(detail::TaskClass::kNone));
  const Merit by_fullness = 25 * (kMostMilli - trial.node.milli_free) / kMostMilli;
  if (same == 0) return (all == 0 ? 25 : 0) + by_fullness;
  return (same == all ? 75 : 50) + by_fullness;
}

/// What is free of the node, devices first, then CPU; negative, so that the fullest wins.
Merit fullness(const Trial& trial) {
  constexpr std::int64_t kSteps = 100'000;  // of devices; CPU breaks ties in thousandths
  const auto cards = static_cast<std::int64_t>(trial.milli.size());
  const std::int64_t gpu = cards == 0 ? 0 : trial.node.milli_free * (kSteps / 1000) / cards;
  const std::int64_t capacity = trial.node.cpu_capacity;
  const std::int64_t cpu = capacity <= 0 ? 0 : trial.node.free.cpu_milli * 999 / capacity;
  return static_cast<Merit>(-(gpu * 1000 + std::clamp<std::int64_t>(cpu, 0, 999)));
}

Merit emptiness(const Trial& trial) { return -fullness(trial); }

/// In steps, because a difference below a step says less than chance does: of equal steps the rank
/// decides, which is no property of the node. (Ties by what is free, wider steps, and steps that do
/// not widen for large gains lose on some kind of trace: docs/adr/0004.)
Merit stepped_gain(const Trial& trial) { return trial.gain_percent; }

constexpr std::array kPolicies = {
    Policy{.name = "random",
           .text = "any node and card that fits",
           .cards = CardOrder::kDrawn,
           .is_lottery = true,
           .merit = any_node},
    Policy{.name = "dotprod",
           .text = "least product of what is free and what is asked",
           .cards = CardOrder::kTightest,
           .asks_for_cards = true,
           .merit = dot_product},
    Policy{.name = "gpuclustering",
           .text = "beside tasks of the same class",
           .cards = CardOrder::kTightest,
           .asks_for_cards = true,
           .merit = clustering},
    Policy{.name = "gpupacking",
           .text = "used devices first, then used nodes, then empty ones",
           .cards = CardOrder::kTightest,
           .asks_for_cards = true,
           .merit = packing},
    Policy{.name = "bestfit",
           .text = "least left over of CPU and devices",
           .cards = CardOrder::kTightest,
           .asks_for_cards = true,
           .merit = best_fit},
    Policy{.name = "fgd",
           .text = "least fragmentation, exactly as published",
           .cards = CardOrder::kMerit,
           .uses_gain = true,
           .asks_for_cards = true,
           .merit = stepped_gain,
           .as_published = true},
    Policy{.name = "binpack",
           .text = "fullest node, then its fullest device",
           .cards = CardOrder::kTightest,
           .merit = fullness},
    Policy{.name = "spread",
           .text = "emptiest node, then its emptiest device",
           .cards = CardOrder::kEmptiest,
           .merit = emptiness},
    Policy{.name = "closest",
           .text = "fullest node; its device where the least memory, then compute, stays free",
           .cards = CardOrder::kLeastLeft,
           .merit = fullness},
    Policy{.name = "fragmentation",
           .text = "least fragmentation, in steps; equals by rank",
           .cards = CardOrder::kMerit,
           .uses_gain = true,
           .asks_for_cards = true,
           .merit = stepped_gain},
    Policy{.name = "topology",
           .text = "fullest node; its best linked devices, or those of one group",
           .cards = CardOrder::kTightest,
           .merit = fullness,
           .links_first = true},
    Policy{.name = "numa",
           .text = "fullest node; devices of one NUMA node, the fullest",
           .cards = CardOrder::kTightest,
           .merit = fullness,
           .numa_first = true},
    Policy{.name = "mutex",
           .text = "fullest node; only devices that nobody is on",
           .cards = CardOrder::kTightest,
           .merit = fullness,
           .unused_only = true},
};

}  // namespace

std::span<const Policy> policies() { return kPolicies; }

const Policy* find_policy(std::string_view name) {
  const auto at = std::ranges::find(kPolicies, name, &Policy::name);
  return at == kPolicies.end() ? nullptr : &*at;
}

}  // namespace melon::placement

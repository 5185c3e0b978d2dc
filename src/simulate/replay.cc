// SPDX-License-Identifier: Apache-2.0
// Replays a trace against the placement engine.
#include "simulate/replay.h"

#include <memory>

#include "placement/engine.h"

namespace melon::simulate {
namespace {

using placement::Engine;

/// The cluster of one run, and what happened to it so far.
class Run {
 public:
  Run(const Trace& trace, const ReplayOptions& options)
      : trace_(trace), options_(options), dice_(options.seed) {}

  Result<> open(const std::vector<std::uint32_t>& ranks) {
    for (std::size_t i = 0; i < trace_.nodes.size(); ++i) {
      placement::NodeSpec node = trace_.nodes[i];
      node.rank = ranks[i];
      MELON_RETURN_IF_ERROR(engine_.index().apply(node, 0));
    }
    engine_.set_targets(target_shapes(trace_.pods), static_cast<std::int64_t>(trace_.pods.size()));
    for (const TracePod& pod : trace_.pods) {
      placement::PodRequest request = request_of(pod);
      if (pod.cards > 0) request.split = options_.split;
      shapes_.push_back(engine_.shape(request));
    }
    capacity_ = gpu_milli_of(trace_.nodes);
    maker_.begin(state());
    return {};
  }

  void arrive(std::uint32_t pod) {
    const std::int64_t milli = trace_.pods[pod].gpu_milli();
    asked_ += milli;
    ++curve_.arrived;
    TraceDecision decision{.pod = pod};
    const placement::Shape& shape = *shapes_[pod];
    const auto draw = [this](std::size_t bound) { return dice_.below(bound); };
    if (const auto found = engine_.place_or_split(shape, *options_.policy, draw)) {
      decision.node = found->node;
      for (const placement::CardSlice& slice : found->layout.booked)
        decision.cards.push_back(slice.card);
      engine_.commit({.id = std::to_string(arrived_)}, shape, *found);
      allocated_ += milli;
    } else {
      ++curve_.rejected;
      if (!curve_.first_reject) curve_.first_reject = percent(asked_);
    }
    ++arrived_;
    maker_.add(percent(asked_), state());
    if (options_.on_decision) options_.on_decision(decision);
  }

  Curve result() {
    curve_.levels = maker_.levels();
    return std::move(curve_);
  }

 private:
  double percent(std::int64_t milli) const {
    return capacity_ == 0 ? 0.0
                          : 100.0 * static_cast<double>(milli) / static_cast<double>(capacity_);
  }

  Level state() {
    const double fragmented = static_cast<double>(engine_.fragmentation()) /
                              static_cast<double>(engine_.fragmentation_weight());
    const auto idle = static_cast<double>(capacity_ - allocated_);
    return {.allocated = percent(allocated_),
            .fragmented_idle = idle <= 0 ? 0.0 : 100.0 * fragmented / idle,
            .fragmented_cluster =
                capacity_ == 0 ? 0.0 : 100.0 * fragmented / static_cast<double>(capacity_)};
  }

  const Trace& trace_;
  const ReplayOptions& options_;
  Dice dice_;
  Engine engine_;
  std::vector<std::shared_ptr<const placement::Shape>> shapes_;
  std::int64_t capacity_ = 0;
  std::int64_t asked_ = 0;
  std::int64_t allocated_ = 0;
  std::int64_t arrived_ = 0;
  Curve curve_;
  CurveMaker maker_;
};

}  // namespace

Result<Curve> replay(const Trace& trace, const Arrivals& arrivals, const ReplayOptions& options) {
  Run run(trace, options);
  MELON_RETURN_IF_ERROR(run.open(arrivals.ranks));
  for (const std::uint32_t pod : arrivals.pods) run.arrive(pod);
  return run.result();
}

}  // namespace melon::simulate

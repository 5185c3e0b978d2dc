// SPDX-License-Identifier: Apache-2.0
// What would fit in place of a request that does not: one number smaller.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "placement/detail/device_trial.h"
#include "placement/explain.h"

namespace melon::placement {
namespace {

/// The demand of a step within a request.
DeviceDemand& demand_of(PodRequest& request, const Shape& shape, std::size_t step) {
  std::size_t before = 0;  // steps of the same container that come earlier
  const std::size_t container = shape.steps()[step].container;
  for (std::size_t i = 0; i < step; ++i)
    if (shape.steps()[i].container == container) ++before;
  std::vector<DeviceDemand>& demands = request.containers[container].devices;
  for (DeviceDemand& demand : demands)
    if (demand.count > 0 && before-- == 0) return demand;
  return demands.back();
}

/// Looks for the best node for each number that could be smaller.
class Search {
 public:
  Search(const Index& index, const Shape& shape) : nodes_(index.nodes()), shape_(shape) {}

  std::vector<Nearest> run() {
    for (std::size_t step = 0; step < shape_.steps().size(); ++step) try_step(step);
    return std::move(found_);
  }

 private:
  /// A number of a demand that could be smaller, and the most that a node offers of it.
  struct Number {
    Nearest best = {};
    std::function<std::int64_t(const detail::DeviceTrial& trial)> offer = {};
    std::function<void(DeviceDemand& smaller, std::int32_t fits)> reduce = {};
  };

  std::vector<Number> numbers_of(std::size_t step) const {
    const DeviceDemand& demand = shape_.steps()[step].demand;
    const std::size_t container = shape_.steps()[step].container;
    const auto count = static_cast<std::size_t>(demand.count);
    std::vector<Number> numbers;
    const auto add = [&](Rule rule, std::size_t dimension) {
      numbers.push_back(
          {.best = {.rule = rule, .container = container, .asked = demand.each[dimension]},
           .offer =
               [dimension, count](const detail::DeviceTrial& trial) {
                 return trial.most_of(dimension, count);
               },
           .reduce = [dimension](DeviceDemand& smaller,
                                 std::int32_t fits) { smaller.each[dimension] = fits; }});
    };
    if (!demand.memory_permille) add(Rule::kDeviceMemory, kMemory);
    if (!demand.whole) add(Rule::kCompute, kCompute);
    numbers.push_back(
        {.best = {.rule = Rule::kTooFew, .container = container, .asked = demand.count},
         .offer =
             [](const detail::DeviceTrial& trial) {
               return static_cast<std::int64_t>(trial.fitting());
             },
         .reduce = [](DeviceDemand& smaller, std::int32_t fits) { smaller.count = fits; }});
    return numbers;
  }

  void try_step(std::size_t step) {
    std::vector<Number> numbers = numbers_of(step);
    detail::DeviceTrial trial(nodes_, shape_.steps()[step].demand, shape_.request().quotas);
    for (std::uint32_t node = 0; node < nodes_.entries.size(); ++node) {
      if (!nodes_.entries[node].present || detail::host_obstacle(shape_, nodes_, node)) continue;
      trial.look_at(node);
      for (Number& number : numbers)
        improve(number.best, number.offer(trial), nodes_.entries[node].name);
    }
    for (Number& number : numbers) {
      if (number.best.fits <= 0) continue;
      number.best.request = shape_.request();
      number.reduce(demand_of(number.best.request, shape_, step),
                    static_cast<std::int32_t>(number.best.fits));
      found_.push_back(std::move(number.best));
    }
  }

  static void improve(Nearest& best, std::int64_t fits, const std::string& node) {
    if (fits <= 0 || fits >= best.asked || fits < best.fits) return;
    if (fits == best.fits && node >= best.node) return;
    best.fits = fits;
    best.node = node;
  }

  const detail::NodeTable& nodes_;
  const Shape& shape_;
  std::vector<Nearest> found_ = {};
};

}  // namespace

std::vector<Nearest> nearest(const Index& index, const Shape& shape) {
  return Search(index, shape).run();
}

std::string to_text(const Nearest& nearest) {
  switch (nearest.rule) {
    case Rule::kDeviceMemory:
      return fmt::format("with {} MiB instead of {} it would fit on {}", nearest.fits,
                         nearest.asked, nearest.node);
    case Rule::kCompute:
      return fmt::format("with {} of compute instead of {} it would fit on {}", nearest.fits,
                         nearest.asked, nearest.node);
    default:
      return fmt::format("with {} device{} instead of {} it would fit on {}", nearest.fits,
                         nearest.fits == 1 ? "" : "s", nearest.asked, nearest.node);
  }
}

}  // namespace melon::placement

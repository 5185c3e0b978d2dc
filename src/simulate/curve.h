// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace melon::simulate {

/// The state of the cluster at one level of arrivals, in percent: mean over what was seen there.
struct Level {
  double allocated = 0;           // of the cluster's cards
  double fragmented_idle = 0;     // of what is free
  double fragmented_cluster = 0;  // of the cluster's cards
};

/// One run, or the mean of several: levels by whole percent of the cluster's cards that tasks asked
/// for so far, accepted or not.
struct Curve {
  std::map<int, Level> levels = {};
  double arrived = 0;                       // tasks
  double rejected = 0;                      // tasks
  std::optional<double> first_reject = {};  // arrived percent then
};

/// Collects states after each arrival into a curve.
class CurveMaker {
 public:
  /// The state before anything arrives.
  void begin(const Level& state) { before_ = state; }
  void add(double arrived_percent, const Level& state);
  /// The curve's levels: means of what was added, by rounded percent. Percents that arrivals passed
  /// over have the state that they passed with; none beyond kMostPassed.
  std::map<int, Level> levels() const;

 private:
  struct Sum {
    Level level = {};
    std::int64_t count = 0;
    Level last = {};
  };
  static constexpr int kMostPassed = 10'000;  // a hundred times the cluster
  Level before_ = {};
  std::map<int, Sum> sums_;
};

/// The mean, level by level over the curves that have it.
Curve mean_of(const std::vector<Curve>& curves);

}  // namespace melon::simulate

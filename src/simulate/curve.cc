// SPDX-License-Identifier: Apache-2.0
// Means of states by how much has arrived.
#include "simulate/curve.h"

#include <algorithm>
#include <cmath>

namespace melon::simulate {
namespace {

void add(Level& to, const Level& more) {
  to.allocated += more.allocated;
  to.fragmented_idle += more.fragmented_idle;
  to.fragmented_cluster += more.fragmented_cluster;
}

Level divided(const Level& sum, double count) {
  return {.allocated = sum.allocated / count,
          .fragmented_idle = sum.fragmented_idle / count,
          .fragmented_cluster = sum.fragmented_cluster / count};
}

}  // namespace

void CurveMaker::add(double arrived_percent, const Level& state) {
  Sum& sum = sums_[static_cast<int>(std::lround(arrived_percent))];
  simulate::add(sum.level, state);
  sum.last = state;
  ++sum.count;
}

std::map<int, Level> CurveMaker::levels() const {
  std::map<int, Level> levels;
  int next = 0;
  const Level* last = &before_;
  for (const auto& [percent, sum] : sums_) {
    for (; next < std::min(percent, kMostPassed); ++next) levels[next] = *last;
    levels[percent] = divided(sum.level, static_cast<double>(sum.count));
    last = &sum.last;
    next = percent + 1;
  }
  return levels;
}

Curve mean_of(const std::vector<Curve>& curves) {
  Curve mean;
  std::map<int, int> counts;
  double first_rejects = 0;
  int rejecting = 0;
  for (const Curve& curve : curves) {
    for (const auto& [percent, level] : curve.levels) {
      add(mean.levels[percent], level);
      ++counts[percent];
    }
    mean.arrived += curve.arrived / static_cast<double>(curves.size());
    mean.rejected += curve.rejected / static_cast<double>(curves.size());
    if (curve.first_reject) {
      first_rejects += *curve.first_reject;
      ++rejecting;
    }
  }
  for (auto& [percent, level] : mean.levels) level = divided(level, counts[percent]);
  if (rejecting > 0) mean.first_reject = first_rejects / rejecting;
  return mean;
}

}  // namespace melon::simulate

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "placement/detail/node_table.h"

namespace melon::placement {

/// The cards of a node as a measure of fragmentation sees them: free thousandths and kinds, side by
/// side.
struct CardsView {
  std::span<const std::int16_t> milli = {};
  std::span<const std::uint16_t> kind = {};
  detail::CardMask with_milli = ~detail::CardMask{0};  // outside of it nothing is free
};

/// One target of the measure, and what of a device of each kind it needs.
struct MeasuredTarget {
  static constexpr std::int16_t kNever = 32767;  // that kind is not accepted

  std::int64_t cpu_milli = 0;
  std::int32_t devices = 0;
  std::int64_t weight = 0;
  std::vector<std::int16_t> need = {};  // by kind; thousandths
};

/// The measure of Fragmentation as the published program computes it: popularities and amounts are
/// floating-point numbers, summed by cause of waste and then over the causes. Where a placement
/// changes nothing, what is rounded on the way decides whether the program sees a gain of zero or
/// of a hair less; to decide as it did, one has to round as it did.
class PublishedMeasure {
 public:
  PublishedMeasure() = default;
  /// Targets by falling popularity; `requests`: of how many they were chosen.
  PublishedMeasure(std::vector<MeasuredTarget> targets, std::int64_t requests);

  /// Fragmented thousandths.
  double measure(const CardsView& cards, std::int64_t free_cpu_milli) const;

 private:
  std::vector<MeasuredTarget> targets_;
  std::vector<double> popularity_;
};

/// trunc(100 / (1 + exp(-gain / 1000))), in the published program's order of operations.
int published_percent(double gain_milli);

}  // namespace melon::placement

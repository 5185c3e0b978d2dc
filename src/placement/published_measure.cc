// SPDX-License-Identifier: Apache-2.0
// The measure of fragmentation in the published program's arithmetic.
#include "placement/published_measure.h"

#include <array>
#include <cmath>

namespace melon::placement {
namespace {

/// Why free devices are of no use to a target; in the order in which the program adds them up.
enum Cause : std::size_t {
  kLacksBoth,
  kLacksDevices,
  kLacksCpu,
  kNeedsNoDevice,
  kNeedsNoDeviceLacksCpu,
  kOtherType,
  kCauses
};

struct Devices {
  bool is_accepted = false;  // of a kind that the target accepts, be it full
  std::int32_t able = 0;
  std::int64_t small = 0;  // free thousandths of those that are not able
};

Devices look_at(const CardsView& cards, const MeasuredTarget& target) {
  Devices found;
  for (std::size_t i = 0; i < cards.milli.size(); ++i) {
    const std::int16_t need = target.need[cards.kind[i]];
    const bool is_able = cards.milli[i] >= need;
    found.is_accepted = found.is_accepted || need != MeasuredTarget::kNever;
    found.able += is_able ? 1 : 0;
    found.small += is_able ? 0 : cards.milli[i];
  }
  return found;
}

}  // namespace

PublishedMeasure::PublishedMeasure(std::vector<MeasuredTarget> targets, std::int64_t requests)
    : targets_(std::move(targets)) {
  std::int64_t covered = 0;
  for (const MeasuredTarget& target : targets_) covered += target.weight;
  const auto all = static_cast<double>(requests);
  for (const MeasuredTarget& target : targets_)
    popularity_.push_back(static_cast<double>(target.weight) / all /
                          (static_cast<double>(covered) / all));
}

double PublishedMeasure::measure(const CardsView& cards, std::int64_t free_cpu_milli) const {
  std::int64_t total = 0;
  for (const std::int16_t milli : cards.milli) total += milli;
  std::array<double, kCauses> waste{};
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    const MeasuredTarget& target = targets_[i];
    const bool has_cpu = free_cpu_milli >= target.cpu_milli;
    Cause cause = has_cpu ? kNeedsNoDevice : kNeedsNoDeviceLacksCpu;
    std::int64_t wasted = total;
    if (target.devices > 0) {
      const Devices found = look_at(cards, target);
      const bool is_served = found.able >= target.devices;
      if (!found.is_accepted) {
        cause = kOtherType;
      } else if (is_served && has_cpu) {
        cause = kLacksDevices;
        wasted = found.small;
      } else if (is_served) {
        cause = kLacksCpu;
      } else {
        cause = has_cpu ? kLacksDevices : kLacksBoth;
      }
    }
    waste.at(cause) += popularity_[i] * static_cast<double>(wasted);
  }
  double sum = 0;
  for (const double part : waste) sum += part;
  return sum;
}

int published_percent(double gain_milli) {
  return static_cast<int>(1.0 / (1.0 + std::exp(-(gain_milli / 1000.0))) * 100.0);
}

}  // namespace melon::placement

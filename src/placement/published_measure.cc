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

/// What a target can not use of the free devices, and why.
struct Waste {
  Cause cause = kOtherType;
  std::int64_t milli = 0;
};

Waste waste_for(const MeasuredTarget& target, const CardsView& cards, bool has_cpu,
                std::int64_t total) {
  if (target.devices == 0) return {has_cpu ? kNeedsNoDevice : kNeedsNoDeviceLacksCpu, total};
  const Devices found = look_at(cards, target);
  if (!found.is_accepted) return {kOtherType, total};
  if (found.able < target.devices) return {has_cpu ? kLacksDevices : kLacksBoth, total};
  if (!has_cpu) return {kLacksCpu, total};
  return {kLacksDevices, found.small};
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
    const Waste found = waste_for(target, cards, free_cpu_milli >= target.cpu_milli, total);
    waste.at(found.cause) += popularity_[i] * static_cast<double>(found.milli);
  }
  double sum = 0;
  for (const double part : waste) sum += part;
  return sum;
}

int published_percent(double gain_milli) {
  return static_cast<int>(1.0 / (1.0 + std::exp(-(gain_milli / 1000.0))) * 100.0);
}

}  // namespace melon::placement

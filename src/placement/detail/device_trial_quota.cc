// SPDX-License-Identifier: Apache-2.0
// Asks devices whether the quotas of a namespace leave what a demand would take of them.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "placement/detail/device_trial.h"

namespace melon::placement::detail {
namespace {

/// The sum of the smallest so many.
std::int64_t least_sum(std::vector<std::int64_t> amounts, std::size_t count) {
  std::ranges::sort(amounts);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < std::min(count, amounts.size()); ++i) sum += amounts[i];
  return sum;
}

Obstacle exceeded(Obstacle obstacle, const QuotaBound& quota, const QuotaUse& use) {
  const bool is_memory = quota.memory_mib && use.memory_mib > *quota.memory_mib;
  obstacle.rule = Rule::kQuota;
  obstacle.subject =
      fmt::format("{} ({})", quota.of, is_memory ? "MiB of device memory" : "compute");
  obstacle.asked = is_memory ? use.memory_mib : use.compute;
  obstacle.found = is_memory ? *quota.memory_mib : quota.compute.value_or(0);
  return obstacle;
}

}  // namespace

const QuotaBound* DeviceTrial::quota_on(std::uint16_t card) const {
  if (quotas_.empty()) return nullptr;
  return quota_of(quotas_, nodes_.kinds[nodes_.kind[first_card_ + card]].vendor);
}

QuotaUse DeviceTrial::quota_use(std::uint16_t card) const {
  return quota_use_on(demand_, nodes_.kinds[nodes_.kind[first_card_ + card]]);
}

bool DeviceTrial::is_over_quota(std::uint16_t card) const {
  const QuotaBound* const quota = quota_on(card);
  return quota != nullptr && !quota_use(card).fits_in(*quota);
}

/// The least that slices on so many devices count, of those that nothing but quotas keeps from
/// taking one: memory and compute each by itself.
QuotaUse DeviceTrial::least_use(const QuotaBound& quota, std::size_t count) const {
  std::vector<std::int64_t> memory;
  std::vector<std::int64_t> compute;
  const auto add = [&](std::uint16_t card) {
    if (quota_on(card) != &quota) return;
    const QuotaUse use = quota_use(card);
    memory.push_back(use.memory_mib);
    compute.push_back(use.compute);
  };
  for (const std::uint16_t card : fitting_) add(card);
  for (std::size_t i = 0; i < of_kind_.size(); ++i)
    if (rules_[i] == Rule::kQuota) add(of_kind_[i]);
  return {.memory_mib = least_sum(std::move(memory), count),
          .compute = least_sum(std::move(compute), count)};
}

/// The first quota that does not leave the least that so many devices take.
std::optional<Obstacle> DeviceTrial::quota_obstacle(const Obstacle& obstacle,
                                                    std::size_t count) const {
  for (const QuotaBound& quota : quotas_)
    if (const QuotaUse least = least_use(quota, count); !least.fits_in(quota))
      return exceeded(obstacle, quota, least);
  return std::nullopt;
}

/// Where no device is within its quota: the first quota that is too small for the least of them;
/// where one has too much memory and another too much compute, what is against the first.
Obstacle DeviceTrial::quota_of_each(const Obstacle& obstacle) const {
  if (auto found = quota_obstacle(obstacle, 1)) return *found;
  const auto refused = std::ranges::find(rules_, Rule::kQuota) - rules_.begin();
  const std::uint16_t card = of_kind_[static_cast<std::size_t>(refused)];
  return exceeded(obstacle, *quota_on(card), quota_use(card));
}

std::size_t DeviceTrial::fitting() const {
  std::size_t count = fitting_.size();
  while (count > 0 && quota_obstacle({}, count)) --count;
  return count;
}

}  // namespace melon::placement::detail

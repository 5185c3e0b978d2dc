// SPDX-License-Identifier: Apache-2.0
// Counts what slices take of the quotas of a namespace.
#include "placement/detail/quota_use.h"

#include <algorithm>

#include "placement/fragmentation.h"

namespace melon::placement::detail {

QuotaUse largest_of(const QuotaUse& a, const QuotaUse& b) {
  return {.memory_mib = std::max(a.memory_mib, b.memory_mib),
          .compute = std::max(a.compute, b.compute)};
}

QuotaUse quota_use_of(const Amounts& amounts) {
  return {.memory_mib = amounts[kMemory], .compute = amounts[kCompute]};
}

QuotaUse quota_use_on(const DeviceDemand& demand, const DeviceKind& kind) {
  QuotaUse use = quota_use_of(amounts_on(demand, kind));
  const PartitionChoice* const cut = partition_on(demand, kind);
  if (cut != nullptr && !cut->places.empty()) use.compute = cut->compute_percent;
  return use;
}

const QuotaBound* quota_of(std::span<const QuotaBound> quotas, const std::string& vendor) {
  const auto found = std::ranges::find(quotas, vendor, &QuotaBound::vendor);
  return found == quotas.end() ? nullptr : &*found;
}

void QuotaPeak::add(const Shape::Step& step, const QuotaUse& use) {
  if (step.role == Role::kInit) {
    if (init_container_ != step.container) init_ = sidecars_;
    init_container_ = step.container;
    init_ += use;
    init_most_ = largest_of(init_most_, init_);
    return;
  }
  if (step.role == Role::kSidecar) sidecars_ += use;
  staying_ += use;
}

}  // namespace melon::placement::detail

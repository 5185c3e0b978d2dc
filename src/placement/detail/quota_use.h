// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "placement/detail/node_table.h"
#include "placement/pod_request.h"
#include "placement/shape.h"

namespace melon::placement::detail {

/// What quotas count of devices.
struct QuotaUse {
  std::int64_t memory_mib = 0;
  std::int64_t compute = 0;

  QuotaUse& operator+=(const QuotaUse& other) {
    memory_mib += other.memory_mib;
    compute += other.compute;
    return *this;
  }
  /// Whether a quota leaves that much.
  bool fits_in(const QuotaBound& quota) const {
    return memory_mib <= quota.memory_mib.value_or(memory_mib) &&
           compute <= quota.compute.value_or(compute);
  }
};

/// The larger of each.
QuotaUse largest_of(const QuotaUse& a, const QuotaUse& b);

/// What one slice of a demand counts on a device of a kind: of one that is cut, the share of the
/// device that its vendor tells.
QuotaUse quota_use_on(const DeviceDemand& demand, const DeviceKind& kind);
/// The same of a piece of a split demand.
QuotaUse quota_use_of(const Amounts& amounts);

/// The quota that a device of this vendor counts to; null: none.
const QuotaBound* quota_of(std::span<const QuotaBound> quotas, const std::string& vendor);

/// The most that the slices of a pod count at one time: each initial container with the sidecars
/// before it, and all others together. Slices are added in the order of steps.
class QuotaPeak {
 public:
  void add(const Shape::Step& step, const QuotaUse& use);
  QuotaUse most() const { return largest_of(init_most_, staying_); }

 private:
  QuotaUse sidecars_ = {};
  QuotaUse staying_ = {};  // with the sidecars
  QuotaUse init_ = {};     // of init_container_, with the sidecars before it
  QuotaUse init_most_ = {};
  std::size_t init_container_ = ~std::size_t{0};
};

}  // namespace melon::placement::detail

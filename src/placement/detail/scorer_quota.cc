// SPDX-License-Identifier: Apache-2.0
// Holds layouts to what the quotas of a namespace leave.
#include <algorithm>

#include "placement/detail/quota_use.h"
#include "placement/detail/scorer.h"

namespace melon::placement::detail {

/// Whether the slices chosen so far are within every quota at once.
bool Scorer::is_within_quotas(const NodeRow& row) const {
  const auto kinds = nodes_.kind_of(row);
  const auto holds = [&](const QuotaBound& quota) {
    QuotaPeak peak;
    for (const Choice& choice : choices_) {
      const DeviceKind& kind = nodes_.kinds[kinds[choice.card]];
      const Shape::Step& step = shape_->steps()[choice.step];
      if (kind.vendor == quota.vendor) peak.add(step, quota_use_on(step.demand, kind));
    }
    return peak.most().fits_in(quota);
  };
  return std::ranges::all_of(shape_->request().quotas, holds);
}

}  // namespace melon::placement::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace melon {

/// A Kubernetes quantity, exact to a billionth: whole + billionths / 10^9, billionths in 0 to
/// 999999999.
struct KubeQuantity {
  std::int64_t whole = 0;  // rounded down
  std::int32_t billionths = 0;

  bool is_integer() const { return billionths == 0; }
  /// Rounded up, as Kubernetes reads whole numbers; saturates at 2^63 - 1.
  std::int64_t rounded_up() const;
  bool operator==(const KubeQuantity&) const = default;
};

/// Parses "3000", "16Gi", "1500m", "0.5", "-1", "12e3": every form of Kubernetes. Suffixes are n u
/// m k M G T P E and Ki Mi Gi Ti Pi Ei, or an exponent; what is finer than a billionth is rounded
/// away from zero. Errors: kInvalidArgument for other text, more than 20 digits that count, or an
/// amount beyond 2^63 - 1 (Kubernetes would silently cap it).
Result<KubeQuantity> parse_kube_quantity(std::string_view text);

}  // namespace melon

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "placement/detail/booking.h"
#include "placement/detail/node_table.h"
#include "placement/detail/scorer.h"
#include "placement/index.h"

namespace melon::placement::detail {

/// One node by itself, on which grants are ended and come back without the cluster's noticing.
class LoneNode {
 public:
  explicit LoneNode(const Index& index) : index_(index), scorer_(table_) {}
  LoneNode(const LoneNode&) = delete;
  LoneNode& operator=(const LoneNode&) = delete;

  /// What is asked from now on; nodes are looked at one after the other. Neither is owned.
  void aim(const Shape& shape, const Policy& policy);
  void look_at(std::uint32_t node);
  /// A card that may be used gives no room any more.
  void close(std::uint16_t card);
  void end(const GrantEntry& grant) { count(table_, 0, grant, Sign::kFree); }
  void bring_back(const GrantEntry& grant) { count(table_, 0, grant, Sign::kBook); }
  /// Whole or, where the shape may be, split. Labels apart, which grants do not change.
  bool fits() {
    return scorer_.score(0, 0, nullptr) != kUnfit ||
           (may_split_ && scorer_.score_split(0, 0, nullptr) != kUnfit);
  }
  /// Where it lies; only where it fits.
  Layout layout();

 private:
  const Index& index_;
  NodeTable table_;
  Scorer scorer_;
  bool may_split_ = false;
};

}  // namespace melon::placement::detail

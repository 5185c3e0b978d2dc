// SPDX-License-Identifier: Apache-2.0
// How much a policy likes a node for a demand in pieces.
#include "placement/detail/scorer.h"
#include "placement/detail/splitter.h"

namespace melon::placement::detail {

Merit Scorer::score_split(std::uint32_t node, std::int64_t before, Layout* layout) {
  const NodeRow& row = nodes_.rows[node];
  if (!row.open || !shape_->host().fits_in(row.free) || !passes_rules(node)) return kUnfit;
  if (!splitter_) splitter_.emplace(nodes_, *shape_, policy_->unused_only);
  booked_ = splitter_->pieces_on(node);
  if (booked_.empty()) return kUnfit;
  if (layout != nullptr) tell(*layout);
  Trial trial{.node = row, .milli = nodes_.milli_of(row), .host = shape_->host()};
  return judge(trial, row, before, booked_);
}

}  // namespace melon::placement::detail

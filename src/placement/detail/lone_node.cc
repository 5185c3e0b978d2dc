// SPDX-License-Identifier: Apache-2.0
// Copies one node out of the cluster.
#include "placement/detail/lone_node.h"

namespace melon::placement::detail {

void LoneNode::aim(const Shape& shape, const Policy& policy) {
  scorer_.aim(shape, policy);
  may_split_ = may_split(shape);
}

void LoneNode::close(std::uint16_t card) {
  if (table_.cards[card].healthy && !table_.cards[card].cordoned)
    set_usable(table_, 0, card, false);
}

void LoneNode::look_at(std::uint32_t node) {
  const NodeTable& nodes = index_.nodes();
  const NodeRow& row = nodes.rows[node];
  if (table_.kinds.size() != nodes.kinds.size()) table_.kinds = nodes.kinds;
  table_.rows.assign(1, row);
  table_.rows[0].first_card = 0;
  table_.entries.assign(1, nodes.entries[node]);
  table_.room.assign(nodes.room_of(row).begin(), nodes.room_of(row).end());
  table_.milli.assign(nodes.milli_of(row).begin(), nodes.milli_of(row).end());
  table_.kind.assign(nodes.kind_of(row).begin(), nodes.kind_of(row).end());
  table_.cards.assign(nodes.cards_of(row).begin(), nodes.cards_of(row).end());
}

Layout LoneNode::layout() {
  Layout layout;
  if (scorer_.score(0, 0, &layout) == kUnfit && may_split_) scorer_.score_split(0, 0, &layout);
  return layout;
}

}  // namespace melon::placement::detail

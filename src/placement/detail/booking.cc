// SPDX-License-Identifier: Apache-2.0
// The sums of a node: what grants take of it, and what is left on its cards.
#include "placement/detail/booking.h"

#include <algorithm>

#include "placement/index.h"

namespace melon::placement::detail {
namespace {

void count_cards(NodeTable& nodes, NodeRow& row, const GrantEntry& grant, Sign sign) {
  for (const CardSlice& slice : grant.slices) {
    const std::size_t at = row.first_card + slice.card;
    if (sign == Sign::kBook)
      nodes.room[at] -= slice.amounts;
    else
      nodes.room[at] += slice.amounts;
    row.milli_free -= nodes.milli[at];
    nodes.milli[at] = free_milli(nodes.room[at], nodes.kinds[nodes.kind[at]].capacity);
    row.milli_free += nodes.milli[at];
  }
  if (!grant.slices.empty()) sum_up(nodes, row);
}

void count_ports(NodeEntry& entry, const GrantEntry& grant, Sign sign) {
  for (const HostPort& port : grant.host_ports) {
    const auto at = std::ranges::lower_bound(entry.ports, port);
    if (sign == Sign::kBook)
      entry.ports.insert(at, port);
    else
      entry.ports.erase(at);
  }
}

}  // namespace

void sum_up(const NodeTable& nodes, NodeRow& row) {
  row.widest = {};
  row.with_left = {};
  row.with_milli = 0;
  const auto rooms = nodes.room_of(row);
  const auto milli = nodes.milli_of(row);
  for (std::size_t card = 0; card < rooms.size(); ++card) {
    row.widest = largest_of(row.widest, rooms[card]);
    if (card >= kMaskedCards) continue;
    for (std::size_t i = 0; i < kFirstExtra; ++i)
      row.with_left.at(i) |= CardMask{rooms[card][i] > 0} << card;
    row.with_milli |= CardMask{milli[card] > 0} << card;
  }
}

void set_usable(NodeTable& nodes, std::uint32_t node, std::uint16_t card, bool is_usable) {
  NodeRow& row = nodes.rows[node];
  const std::size_t at = row.first_card + card;
  nodes.room[at][kSlots] += is_usable ? kUnusable : -kUnusable;
  row.milli_free -= nodes.milli[at];
  nodes.milli[at] = free_milli(nodes.room[at], nodes.kinds[nodes.kind[at]].capacity);
  row.milli_free += nodes.milli[at];
  sum_up(nodes, row);
}

void count(NodeTable& nodes, std::uint32_t node, const GrantEntry& grant, Sign sign) {
  NodeRow& row = nodes.rows[node];
  NodeEntry& entry = nodes.entries[node];
  HostAmounts host = grant.host;
  host.pods = 1;
  std::uint16_t& tasks = row.tasks.at(static_cast<std::size_t>(grant.task));
  if (sign == Sign::kBook) {
    row.free -= host;
    ++row.pods;
    ++tasks;
  } else {
    row.free += host;
    --row.pods;
    --tasks;
  }
  for (const auto& [name, amount] : grant.extended)
    entry.extended_free[name] += sign == Sign::kFree ? amount : -amount;
  count_ports(entry, grant, sign);
  count_cards(nodes, row, grant, sign);
}

}  // namespace melon::placement::detail

// SPDX-License-Identifier: Apache-2.0
// Cuts one demand into pieces that fit the free parts of several cards of a node.
#include <algorithm>

#include "placement/detail/scorer.h"

namespace melon::placement::detail {
namespace {

/// The dimension in which pieces are counted: the one that a demand takes most of, relative to the
/// device; the others follow in proportion, rounded up.
std::size_t leading(const Amounts& need, const Amounts& capacity) {
  std::size_t found = kCompute;
  std::int64_t most = -1;
  for (std::size_t i = kMemory; i < kDimensions; ++i) {
    const std::int64_t share =
        capacity[i] > 0 ? std::int64_t{need[i]} * 1'000'000 / capacity[i] : -1;
    if (share > most) {
      most = share;
      found = i;
    }
  }
  return found;
}

/// What a piece of the demand takes, given its amount in the leading dimension.
Amounts piece_of(const Amounts& need, std::size_t lead, std::int64_t amount) {
  Amounts piece;
  piece[kSlots] = 1;
  for (std::size_t i = kMemory; i < kDimensions; ++i)
    piece[i] = static_cast<std::int32_t>((need[i] * amount + need[lead] - 1) / need[lead]);
  return piece;
}

/// The largest piece for which a card has room.
std::int64_t largest_piece(const Amounts& need, std::size_t lead, const Amounts& room) {
  if (room[kSlots] < 1) return 0;
  std::int64_t most = room[lead];
  for (std::size_t i = kMemory; i < kDimensions; ++i)
    if (need[i] > 0) most = std::min(most, std::int64_t{room[i]} * need[lead] / need[i]);
  return most;
}

struct Part {
  std::uint16_t card = 0;
  std::int64_t most = 0;    // for which there is room
  std::int64_t least = 0;   // that is worth a piece
  std::int64_t amount = 0;  // taken
};

/// Takes as few parts as there can be, the largest first, and of each its smallest piece before the
/// largest get more: all ways to cut the demand find no place where this one does not. False when
/// it can not be done with so many.
bool fill(std::vector<Part>& parts, std::int64_t wanted, std::size_t most_pieces) {
  std::ranges::stable_sort(parts, std::greater<>(), &Part::most);
  std::int64_t most = 0;
  std::int64_t least = 0;
  std::size_t taken = 0;
  for (; taken < std::min(parts.size(), most_pieces) && most < wanted; ++taken) {
    most += parts[taken].most;
    least += parts[taken].least;
  }
  if (most < wanted || least > wanted) return false;
  parts.resize(taken);
  std::int64_t more = wanted - least;
  for (Part& part : parts) {
    part.amount = part.least + std::min(part.most - part.least, more);
    more -= part.amount - part.least;
  }
  return true;
}

}  // namespace

/// The pieces in booked_; false where they do not fit. On cards of one kind: the first accepted.
bool Scorer::cut_pieces(const NodeRow& row, const SplitRule& rule) {
  const auto kinds = nodes_.kind_of(row);
  const auto first =
      std::ranges::find_if(kinds, [this](std::uint16_t kind) { return need(0, kind).accepted; });
  if (first == kinds.end()) return false;
  const Amounts wish = need(0, *first).amounts;
  const Amounts& capacity = nodes_.kinds[*first].capacity;
  const std::size_t lead = leading(wish, capacity);
  if (wish[lead] <= 0) return false;
  const std::int64_t least =
      std::max<std::int64_t>(1, (std::int64_t{capacity[lead]} * rule.least_permille + 999) / 1000);
  std::vector<Part> parts;
  for (std::uint16_t card = 0; card < row.cards; ++card) {
    if (kinds[card] != *first) continue;
    const Amounts& room = nodes_.room_of(row)[card];
    // Who takes no compute may need some to be left.
    if (wish[kCompute] == 0 && need(0, *first).free[kCompute] > room[kCompute]) continue;
    const std::int64_t most = largest_piece(wish, lead, room);
    if (most >= least) parts.push_back({.card = card, .most = most, .least = least});
  }
  const std::int64_t wanted = std::int64_t{wish[lead]} * shape_->steps()[0].demand.count;
  if (!fill(parts, wanted, static_cast<std::size_t>(rule.most_pieces))) return false;
  booked_.clear();
  for (const Part& part : parts) booked_.push_back({part.card, piece_of(wish, lead, part.amount)});
  std::ranges::sort(booked_, {}, &CardSlice::card);
  return true;
}

Merit Scorer::score_split(std::uint32_t node, std::int64_t before, Layout& layout) {
  const NodeRow& row = nodes_.rows[node];
  if (!row.open || !shape_->host().fits_in(row.free) || !passes_rules(node)) return kUnfit;
  if (policy_->unused_only) return kUnfit;
  if (!cut_pieces(row, *shape_->request().split) || !pieces_are_within_quotas(row)) return kUnfit;
  layout.booked = booked_;
  layout.slices.clear();
  for (const CardSlice& slice : booked_)
    layout.slices.push_back(
        {static_cast<std::uint16_t>(shape_->steps()[0].container), slice.card, slice.amounts});
  Trial trial{.node = row, .milli = nodes_.milli_of(row), .host = shape_->host()};
  return judge(trial, row, before, booked_);
}

}  // namespace melon::placement::detail

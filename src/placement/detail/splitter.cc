// SPDX-License-Identifier: Apache-2.0
// Splits one demand into pieces that fit the free parts of several devices of a node.
#include "placement/detail/splitter.h"

#include <algorithm>

#include "placement/detail/card_sets.h"
#include "placement/detail/device_use.h"
#include "placement/detail/quota_use.h"
#include "placement/fragmentation.h"

namespace melon::placement::detail {
namespace {

/// The dimension in which pieces are counted: memory or compute, of which the demand takes more,
/// relative to the device; the others follow in proportion, rounded up.
std::size_t leading(const Amounts& each, const Amounts& capacity) {
  constexpr std::int64_t kMillion = 1'000'000;
  const auto share = [&](std::size_t i) {
    return capacity[i] > 0 ? std::int64_t{each[i]} * kMillion / capacity[i] : -1;
  };
  return share(kCompute) > share(kMemory) ? kCompute : kMemory;
}

/// What a piece of the demand takes, given its amount in the leading dimension.
Amounts piece_of(const Amounts& each, std::size_t lead, std::int64_t amount) {
  Amounts piece;
  for (std::size_t i = 0; i < kPlaces; ++i)
    piece[i] = static_cast<std::int32_t>((each[i] * amount + each[lead] - 1) / each[lead]);
  return piece;
}

}  // namespace

std::string_view why_never_split(const Shape& shape) {
  if (shape.steps().empty()) return {};
  if (shape.steps().size() > 1) return "devices are asked for more than once";
  const DeviceDemand& demand = shape.steps()[0].demand;
  if (demand.whole) return "devices alone are asked for";
  if (binds_to_sets(demand)) return "devices are asked for that work in sets only";
  if (std::ranges::find(demand.rules, vendors::DeviceRule::kUniformSlice) != demand.rules.end())
    return "all slices of such a device have one size";
  if (demand.count > shape.request().split.value_or(SplitRule{}).most_pieces)
    return "more devices are asked for than pieces are allowed";
  return {};
}

bool may_split(const Shape& shape) {
  return shape.request().split && !shape.steps().empty() && why_never_split(shape).empty();
}

Splitter::Splitter(const NodeTable& nodes, const Shape& shape, bool unused_only)
    : nodes_(nodes), shape_(shape), unused_only_(unused_only || demand().unused), piece_(demand()) {
  piece_.alone_with_all = false;
  piece_.compute_permille.reset();
  piece_.each[kCompute] = 0;
  piece_.unused = unused_only_;
}

Splitter::Need Splitter::need_of(const DeviceKind& kind) const {
  Need need{.each = amounts_on(demand(), kind)};
  if (!accepts(demand(), kind) || partition_on(demand(), kind) != nullptr) return need;
  need.lead = leading(need.each, kind.capacity);
  need.is_usable = need.each[need.lead] > 0;
  if (need.each[kCompute] == 0 && demand().needs_compute_left)
    need.compute_left = std::min(kind.capacity[kCompute], 1);
  const std::int64_t of_device = kind.capacity[need.lead];
  need.least =
      std::max<std::int64_t>(1, (of_device * shape_.request().split->least_permille + 999) / 1000);
  return need;
}

const Splitter::Need& Splitter::need(std::uint16_t kind) {
  if (needs_.size() <= kind) needs_.resize(nodes_.kinds.size());
  if (!needs_[kind]) needs_[kind] = need_of(nodes_.kinds[kind]);
  return *needs_[kind];
}

/// The group that a card counts as, where pieces are of one; 0: of none.
std::int16_t Splitter::group_of(std::size_t card) const {
  if (demand().one_numa) return nodes_.cards[card].numa;
  return demand().one_link_group ? nodes_.cards[card].link_group : std::int16_t{0};
}

/// Whether no card before it is of the same kind and group.
bool Splitter::is_first_of_pool(const NodeRow& row, std::uint16_t card) const {
  if (group_of(row.first_card + card) < 0) return false;
  for (std::size_t at = row.first_card; at < row.first_card + card; ++at)
    if (nodes_.kind[at] == nodes_.kind[row.first_card + card] &&
        group_of(at) == group_of(row.first_card + card))
      return false;
  return true;
}

/// The largest piece that a card takes, in the leading dimension; 0: none.
std::int64_t Splitter::largest_piece(std::uint32_t node, std::uint16_t card,
                                     const Need& need) const {
  const NodeRow& row = nodes_.rows[node];
  const Amounts& capacity = nodes_.kinds[nodes_.kind_of(row)[card]].capacity;
  Amounts room = nodes_.room_of(row)[card];
  if (room[kSlots] < 1 || room[kCompute] < need.compute_left) return 0;
  if (!accepts_uuid(demand(), nodes_.cards_of(row)[card].uuid)) return 0;
  if ((piece_.unused || !piece_.rules.empty()) &&
      broken_rule(nodes_, {.node = node, .card = card}, piece_))
    return 0;
  // Where all compute means the device alone, a piece beside others leaves some.
  if (demand().alone_with_all && need.each[kCompute] > 0 &&
      use_of(nodes_, {.node = node, .card = card}).slots > 0)
    room[kCompute] = std::min(room[kCompute], capacity[kCompute] - 1);
  std::int64_t most = need.each[need.lead];
  for (std::size_t i = 0; i < kPlaces; ++i)
    if (need.each[i] > 0)
      most = std::min(
          most, std::int64_t{std::min(room[i], capacity[i])} * need.each[need.lead] / need.each[i]);
  return std::max<std::int64_t>(most, 0);
}

/// The cards of the pool of this one that could give a piece, those that give most first, in
/// parts_; what the demand needs of them. Null: it does not accept their kind.
const Splitter::Need* Splitter::list_pool(std::uint32_t node, std::uint16_t first) {
  const NodeRow& row = nodes_.rows[node];
  const Need& wanted = need(nodes_.kind_of(row)[first]);
  if (!wanted.is_usable) return nullptr;
  parts_.clear();
  for (std::uint16_t card = first; card < row.cards; ++card) {
    if (nodes_.kind_of(row)[card] != nodes_.kind_of(row)[first]) continue;
    if (group_of(row.first_card + card) != group_of(row.first_card + first)) continue;
    const std::int64_t most = largest_piece(node, card, wanted);
    if (most >= wanted.least) parts_.push_back({.card = card, .most = most});
  }
  std::ranges::stable_sort(parts_, std::ranges::greater(), &Part::most);
  return &wanted;
}

/// Takes as few parts as there can be, the largest first, and of each the smallest piece before the
/// largest get more: all ways to split the demand find no place where this one does not. False when
/// it can not be done with so many; else the pieces are in pieces_.
bool Splitter::fill(const Need& need) {
  const std::int64_t wanted = std::int64_t{need.each[need.lead]} * demand().count;
  const auto most_pieces = static_cast<std::size_t>(shape_.request().split->most_pieces);
  std::int64_t most = 0;
  std::size_t taken = 0;
  for (; taken < std::min(parts_.size(), most_pieces) && most < wanted; ++taken)
    most += parts_[taken].most;
  std::int64_t more = wanted - static_cast<std::int64_t>(taken) * need.least;
  if (most < wanted || more < 0) return false;
  pieces_.clear();
  for (Part& part : std::span(parts_).first(taken)) {
    const std::int64_t beyond = std::min(part.most - need.least, more);
    more -= beyond;
    pieces_.push_back({part.card, piece_of(need.each, need.lead, need.least + beyond)});
  }
  std::ranges::sort(pieces_, {}, &CardSlice::card);
  return true;
}

bool Splitter::is_within_quotas(const std::string& vendor,
                                const std::vector<CardSlice>& pieces) const {
  const QuotaBound* const quota = quota_of(shape_.request().quotas, vendor);
  if (quota == nullptr) return true;
  QuotaUse sum;
  for (const CardSlice& piece : pieces) sum += quota_use_of(piece.amounts);
  return sum.fits_in(*quota);
}

const std::vector<CardSlice>& Splitter::pieces_on(std::uint32_t node) {
  best_.clear();
  const NodeRow& row = nodes_.rows[node];
  for (std::uint16_t card = 0; card < row.cards; ++card) {
    if (!is_first_of_pool(row, card)) continue;
    const Need* const wanted = list_pool(node, card);
    if (wanted == nullptr || !fill(*wanted)) continue;
    if (!best_.empty() && best_.size() <= pieces_.size()) continue;
    if (is_within_quotas(nodes_.kinds[nodes_.kind_of(row)[card]].vendor, pieces_))
      best_.swap(pieces_);
  }
  return best_;
}

std::optional<Splitter::Offer> Splitter::offer_of(std::uint32_t node) {
  std::optional<Offer> best;
  const NodeRow& row = nodes_.rows[node];
  for (std::uint16_t card = 0; card < row.cards; ++card) {
    if (!is_first_of_pool(row, card)) continue;
    const Need* const wanted = list_pool(node, card);
    if (wanted == nullptr) continue;
    Offer offer{.dimension = wanted->lead,
                .asked = std::int64_t{wanted->each[wanted->lead]} * demand().count};
    const auto most_pieces = static_cast<std::size_t>(shape_.request().split->most_pieces);
    for (std::size_t i = 0; i < std::min(parts_.size(), most_pieces); ++i)
      offer.most += parts_[i].most;
    if (!best || offer.most * best->asked > best->most * offer.asked) best = offer;
  }
  return best;
}

}  // namespace melon::placement::detail

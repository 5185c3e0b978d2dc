// SPDX-License-Identifier: Apache-2.0
// Lays requests of several demands onto one node: a search that backtracks.
#include <algorithm>
#include <numeric>

#include "placement/detail/scorer.h"

namespace melon::placement::detail {

/// Brings cards_ into the policy's order; equals stay as they are. There are few: by insertion.
void Scorer::sort_cards(const NodeRow& row) {
  if (policy_->cards == CardOrder::kDrawn) {
    for (std::size_t i = cards_.size(); draw_ && i > 1; --i)
      std::swap(cards_[i - 1], cards_[draw_(i)]);
    return;
  }
  const auto milli = nodes_.milli_of(row);
  const int sign = policy_->cards == CardOrder::kEmptiest ? -1 : 1;
  for (std::size_t i = 1; i < cards_.size(); ++i)
    for (std::size_t at = i; at > 0 && sign * milli[cards_[at]] < sign * milli[cards_[at - 1]];
         --at)
      std::swap(cards_[at], cards_[at - 1]);
}

bool Scorer::may_take(const NodeRow& row, std::size_t step, std::uint16_t card) const {
  const DeviceDemand& demand = shape_->steps()[step].demand;
  const std::string& uuid = nodes_.cards[row.first_card + card].uuid;
  const auto has = [&uuid](const std::vector<std::string>& uuids) {
    return std::ranges::find(uuids, uuid) != uuids.end();
  };
  return (demand.uuids.empty() || has(demand.uuids)) && !has(demand.not_uuids);
}

/// The group that a card counts as for a demand that binds all its cards to one; -1: to none.
std::int16_t Scorer::group_of(const NodeRow& row, std::size_t step, std::uint16_t card) const {
  const DeviceDemand& demand = shape_->steps()[step].demand;
  const CardEntry& entry = nodes_.cards[row.first_card + card];
  if (demand.one_numa) return entry.numa;
  return demand.one_link_group ? entry.link_group : std::int16_t{-1};
}

/// Adds a slice of a step to what the request itself has on a card; false where that is too much.
bool Scorer::add(Load& load, std::size_t step, const Amounts& amounts, const Amounts& room) const {
  Amounts now = amounts + load.sidecars;
  const std::size_t container = shape_->steps()[step].container;
  switch (shape_->steps()[step].role) {
    case Role::kInit:
      if (load.init_container != container) load.init = {};
      load.init_container = container;
      load.init += amounts;
      now = load.init + load.sidecars;
      break;
    case Role::kSidecar:
      load.sidecars = now;
      break;
    case Role::kApp:
      load.apps += amounts;
      now = load.apps + load.sidecars;
      break;
  }
  load.most = largest_of(load.most, now);
  return now.fits_in(room);
}

/// Gives the card to the step if that may be, and searches on from there.
bool Scorer::take_card(const NodeRow& row, std::size_t step, int taken, std::uint16_t card) {
  const DeviceDemand& demand = shape_->steps()[step].demand;
  const Need& wanted = need(step, nodes_.kind[row.first_card + card]);
  if (!wanted.accepted || !may_take(row, step, card)) return false;
  const bool binds = demand.count > 1 && (demand.one_numa || demand.one_link_group);
  const std::int16_t group = binds ? group_of(row, step, card) : std::int16_t{-1};
  if (binds && (group < 0 || (taken > 0 && group != choices_.back().group))) return false;
  const Load before = loads_[card];
  if (add(loads_[card], step, wanted.amounts, nodes_.room[row.first_card + card])) {
    choices_.push_back({step, card, group});
    if (search(row, step, taken + 1)) return true;
    choices_.pop_back();
  }
  loads_[card] = before;
  return false;
}

bool Scorer::search(const NodeRow& row, std::size_t step, int taken) {
  if (step == shape_->steps().size()) return true;
  if (taken == shape_->steps()[step].demand.count) return search(row, step + 1, 0);
  // Cards of one demand are taken in the order of cards_, so that no set is tried twice.
  auto at = taken == 0 ? cards_.begin() : std::ranges::find(cards_, choices_.back().card) + 1;
  for (; at != cards_.end(); ++at) {
    if (--steps_left_ < 0) return false;
    if (take_card(row, step, taken, *at)) return true;
  }
  return false;
}

Merit Scorer::score_general(std::uint32_t node, std::int64_t before, Layout* layout) {
  const NodeRow& row = nodes_.rows[node];
  cards_.resize(row.cards);
  std::iota(cards_.begin(), cards_.end(), std::uint16_t{0});
  sort_cards(row);
  loads_.assign(row.cards, {});
  choices_.clear();
  steps_left_ = kMostSteps;
  if (!search(row, 0, 0)) return kUnfit;
  booked_.clear();
  for (std::uint16_t card = 0; card < row.cards; ++card)
    if (loads_[card].most != Amounts{}) booked_.push_back({card, loads_[card].most});
  if (layout != nullptr) {
    layout->booked = booked_;
    layout->slices.clear();
    for (const Choice& choice : choices_)
      layout->slices.push_back(
          {static_cast<std::uint16_t>(shape_->steps()[choice.step].container), choice.card,
           need(choice.step, nodes_.kind[row.first_card + choice.card]).amounts});
  }
  Trial trial{.node = row, .milli = nodes_.milli_of(row), .host = shape_->host()};
  return judge(trial, row, before, booked_);
}

}  // namespace melon::placement::detail

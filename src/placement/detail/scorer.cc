// SPDX-License-Identifier: Apache-2.0
// Fits requests onto single nodes and asks the policy for its merit.
#include "placement/detail/scorer.h"

#include <algorithm>

#include "placement/detail/quota_use.h"
#include "placement/rules.h"

namespace melon::placement::detail {

Scorer::Need Scorer::need_of(std::size_t step, std::uint16_t kind) const {
  const DeviceDemand& demand = shape_->steps()[step].demand;
  const DeviceKind& known = nodes_.kinds[kind];
  const Amounts amounts = amounts_on(demand, known);
  const PartitionChoice* const cut = partition_on(demand, known);
  const QuotaBound* const quota = quota_of(shape_->request().quotas, known.vendor);
  // A slice never exceeds its device, also where the node is oversubscribed.
  return {amounts, free_on(demand, known),
          accepts(demand, known) && amounts.fits_in(known.capacity) &&
              (quota == nullptr || quota_use_on(demand, known).fits_in(*quota)),
          cut == nullptr ? nullptr : &cut->places};
}

void Scorer::aim(const Shape& shape, const Policy& policy) {
  shape_ = &shape;
  policy_ = &policy;
  splitter_.reset();
  is_simple_ =
      shape.is_simple() && !shape.shares_quota() && (policy.is_plain() || shape.steps().empty());
  prepared_ = &prepared_shapes_[shape.id() % kPrepared];
  if (prepared_->shape_id != shape.id()) {
    prepared_->shape_id = shape.id();
    prepared_->needs.assign(shape.steps().size(), {});
  }
  if (!is_simple_ || shape.steps().empty()) return;
  const DeviceDemand& demand = shape.steps()[0].demand;
  asks_for_ = {!demand.whole, demand.each[kMemory] > 0 || demand.memory_permille.has_value(),
               demand.each[kCompute] > 0 || demand.compute_permille.has_value()};
}

/// The cards that have something left of whatever a simple demand asks for.
CardMask Scorer::candidates(const NodeRow& row) const {
  CardMask mask = ~CardMask{0};
  for (std::size_t i = 0; i < kFirstExtra; ++i)
    if (asks_for_.at(i)) mask &= row.with_left.at(i);
  return mask;
}

void Scorer::fetch(std::uint32_t node) const {
  const NodeRow& row = nodes_.rows[node];
  if (row.cards == 0) return;
  __builtin_prefetch(&nodes_.milli[row.first_card]);
  __builtin_prefetch(&nodes_.kind[row.first_card]);
  if (!is_simple_ || shape_->steps().empty()) return;
  const CardMask mask = candidates(row);
  for (std::uint16_t pair = 0; pair < row.cards && pair < kMaskedCards; pair += 2)
    if ((mask >> pair & 3U) != 0) __builtin_prefetch(&nodes_.room[row.first_card + pair]);
}

bool Scorer::passes_rules(std::uint32_t node) const {
  if (!nodes_.rows[node].tainted && !shape_->has_named_amounts()) return true;
  const NodeEntry& entry = nodes_.entries[node];
  if (untolerated(shape_->request(), entry.taints) != nullptr) return false;
  return port_in_use(shape_->request(), entry) == nullptr &&
         scarce_resource(shape_->extended(), entry).empty();
}

Merit Scorer::score(std::uint32_t node, std::int64_t before, Layout* layout) {
  const NodeRow& row = nodes_.rows[node];
  if (!row.open || !shape_->host().fits_in(row.free)) return kUnfit;
  if (!passes_rules(node)) return kUnfit;
  return is_simple_ ? score_simple(node, before, layout) : score_general(node, before, layout);
}

std::int16_t Scorer::milli_after(const NodeRow& row, std::size_t card, const Amounts& taken) const {
  const std::size_t at = row.first_card + card;
  return free_milli(nodes_.room[at] - taken, nodes_.kinds[nodes_.kind[at]].capacity);
}

/// All cards that have room for a simple demand, in cards_.
void Scorer::list_cards(const NodeRow& row) {
  cards_.clear();
  const auto room = nodes_.room_of(row);
  if (!row.uniform) {
    for_each_card(candidates(row), row.cards, [&](std::uint16_t card) {
      const Need& one = need(0, nodes_.kind[row.first_card + card]);
      if (one.accepted && one.free.fits_in(room[card])) cards_.push_back(card);
    });
    return;
  }
  const Need& one = need(0, row.kind);
  if (!one.accepted || !one.free.fits_in(row.widest)) return;
  for_each_card(candidates(row), row.cards, [&](std::uint16_t card) {
    if (one.free.fits_in(room[card])) cards_.push_back(card);
  });
}

/// The cards of a simple demand in cards_; false when there are too few. Not in order: all of those
/// that have room.
bool Scorer::choose_cards(const NodeRow& row, bool in_order) {
  cards_.clear();
  if (shape_->steps().empty()) return true;
  const auto wanted = static_cast<std::size_t>(shape_->steps()[0].demand.count);
  if (row.cards < wanted) return false;
  list_cards(row);
  if (cards_.size() < wanted) return false;
  // Where each card is tried, all that fit stay; where all are taken, their order is no matter.
  if (wanted == 1 && policy_->cards == CardOrder::kMerit) return true;
  if (cards_.size() == wanted || !in_order) return true;
  sort_cards(row);
  cards_.resize(wanted);
  return true;
}

Merit Scorer::try_each_card(Trial& trial, std::int64_t before, std::uint16_t& chosen) {
  const NodeRow& row = trial.node;
  const CardsView view{nodes_.milli_of(row), nodes_.kind_of(row), row.with_milli};
  const Fragmentation::OneCard one(*measure_, view, row.free.cpu_milli - shape_->host().cpu_milli);
  Merit best = kUnfit;
  int tried = -1;  // the card tried last: its twins have the same merit
  for (const std::uint16_t card : cards_) {
    if (tried >= 0 && view.kind[card] == view.kind[static_cast<std::size_t>(tried)] &&
        nodes_.room[row.first_card + card] ==
            nodes_.room[row.first_card + static_cast<std::size_t>(tried)])
      continue;
    tried = card;
    const std::int16_t after = milli_after(row, card, need(0, view.kind[card]).amounts);
    trial.milli_taken = view.milli[card] - after;
    if (policy_->as_published) {
      after_.assign(view.milli.begin(), view.milli.end());
      after_[card] = after;
    }
    trial.gain_percent = gain_percent(row, before - one.with(card, after),
                                      measure_->price(view.kind[card], trial.milli_taken));
    trial.tightest = view.milli[card];
    const Merit merit = policy_->merit(trial);
    if (merit > best) {
      best = merit;
      chosen = card;
    }
  }
  return best;
}

/// What is booked, all of it the only demand's.
void Scorer::tell(Layout& layout) const {
  layout.booked = booked_;
  layout.slices.clear();
  for (const CardSlice& slice : booked_)
    layout.slices.push_back(
        {static_cast<std::uint16_t>(shape_->steps()[0].container), slice.card, slice.amounts});
}

Merit Scorer::score_simple(std::uint32_t node, std::int64_t before, Layout* layout) {
  const NodeRow& row = nodes_.rows[node];
  const bool which = layout != nullptr || policy_->asks_for_cards;
  if (!choose_cards(row, which)) return kUnfit;
  Trial trial{.node = row,
              .milli = nodes_.milli_of(row),
              .host = shape_->host(),
              .cards_taken = static_cast<std::int32_t>(cards_.size())};
  if (!which) return policy_->merit(trial);
  Merit merit = 0;
  const bool is_one = shape_->steps().size() == 1 && shape_->steps()[0].demand.count == 1;
  if (is_one && policy_->cards == CardOrder::kMerit) {
    trial.cards_taken = 1;
    std::uint16_t chosen = 0;
    merit = try_each_card(trial, before, chosen);
    cards_.assign(1, chosen);
    if (layout == nullptr) return merit;
  }
  booked_.clear();
  for (const std::uint16_t card : cards_)
    booked_.push_back({card, need(0, nodes_.kind[row.first_card + card]).amounts});
  if (!(is_one && policy_->cards == CardOrder::kMerit)) merit = judge(trial, row, before, booked_);
  if (layout != nullptr) tell(*layout);
  return merit;
}

/// Of a node whose cards would become as in after_, and what those that are taken cost.
int Scorer::gain_percent(const NodeRow& row, std::int64_t gain, std::int64_t price) const {
  if (!policy_->as_published) return measure_->percent(gain - price);
  if (const auto percent = measure_->published_percent_of(gain)) return *percent;
  const auto kinds = nodes_.kind_of(row);
  return measure_->percent_between(
      {{nodes_.milli_of(row), kinds}, row.free.cpu_milli},
      {{after_, kinds}, row.free.cpu_milli - shape_->host().cpu_milli});
}

/// The policy's merit of a choice of cards.
Merit Scorer::judge(Trial& trial, const NodeRow& row, std::int64_t before,
                    const std::vector<CardSlice>& booked) {
  const std::int64_t cpu = row.free.cpu_milli - trial.host.cpu_milli;
  if (policy_->uses_gain && booked.empty() && measure_->same_cpu(row.free.cpu_milli, cpu))
    return policy_->merit(trial);
  const auto milli = nodes_.milli_of(row);
  after_.assign(milli.begin(), milli.end());
  std::int64_t price = 0;
  for (const CardSlice& slice : booked) {
    after_[slice.card] = milli_after(row, slice.card, slice.amounts);
    const std::int32_t taken = milli[slice.card] - after_[slice.card];
    trial.milli_taken += taken;
    if (policy_->uses_gain) price += measure_->price(nodes_.kind_of(row)[slice.card], taken);
    trial.tightest = std::min<std::int32_t>(trial.tightest, milli[slice.card]);
  }
  trial.cards_taken = static_cast<std::int32_t>(booked.size());
  trial.task = task_class(nodes_, row, booked);
  if (policy_->uses_gain) {
    const CardsView view{after_, nodes_.kind_of(row), row.with_milli};
    trial.gain_percent = gain_percent(row, before - measure_->measure(view, cpu), price);
  }
  return policy_->merit(trial);
}

}  // namespace melon::placement::detail

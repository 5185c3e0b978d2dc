// SPDX-License-Identifier: Apache-2.0
// Lays requests of several demands onto one node: a search that backtracks.
#include <algorithm>
#include <functional>
#include <numeric>

#include "placement/detail/card_sets.h"
#include "placement/detail/device_use.h"
#include "placement/detail/scorer.h"

namespace melon::placement::detail {
namespace {

/// Off the merit of a node on which others would be stopped: more than any two merits are apart.
constexpr Merit kStopsOthers = Merit{1} << 29U;

/// Whether those that stand back for others are alone on the card: the first of these stops them.
bool stops_others(const NodeTable& nodes, std::uint32_t node, std::uint16_t card) {
  const pickers::DeviceUse use = use_of(nodes, {.node = node, .card = card});
  return use.offline > 0 && use.online == 0;
}

bool is_online(const Shape& shape) {
  return std::ranges::any_of(shape.steps(), [](const Shape::Step& step) {
    return step.demand.app_class == vendors::AppClass::kOnline;
  });
}

}  // namespace

/// Brings cards_ into the policy's order; equals stay as they are. There are few: by insertion.
void Scorer::sort_cards(const NodeRow& row) {
  if (policy_->cards == CardOrder::kDrawn) {
    for (std::size_t i = cards_.size(); draw_ && i > 1; --i)
      std::swap(cards_[i - 1], cards_[draw_(i)]);
    return;
  }
  if (policy_->weights != CardWeights{}) return sort_by_weights(row);
  if (policy_->cards == CardOrder::kLeastLeft) return sort_by_what_is_left(row);
  const auto milli = nodes_.milli_of(row);
  const int sign = policy_->cards == CardOrder::kEmptiest ? -1 : 1;
  for (std::size_t i = 1; i < cards_.size(); ++i)
    for (std::size_t at = i; at > 0 && sign * milli[cards_[at]] < sign * milli[cards_[at - 1]];
         --at)
      std::swap(cards_[at], cards_[at - 1]);
}

/// As sort_cards(), by the policy's weights of what is in use.
void Scorer::sort_by_weights(const NodeRow& row) {
  const auto fullness = [&](std::uint16_t card) {
    const Amounts& capacity = nodes_.kinds[nodes_.kind_of(row)[card]].capacity;
    const Amounts& room = nodes_.room_of(row)[card];
    std::int64_t sum = 0;  // millionths times weights
    const auto add = [&](std::uint8_t weight, std::size_t dimension) {
      constexpr std::int64_t kWhole = 1'000'000;
      if (capacity[dimension] > 0)
        sum += weight * (kWhole - room[dimension] * kWhole / capacity[dimension]);
    };
    add(policy_->weights.slot, kSlots);
    add(policy_->weights.core, kCompute);
    add(policy_->weights.memory, kMemory);
    return policy_->cards == CardOrder::kEmptiest ? sum : -sum;
  };
  std::ranges::stable_sort(cards_, {}, fullness);
}

/// As sort_cards(), by what the first demand would leave: memory, then compute. More than the card
/// physically has is not left for anybody.
void Scorer::sort_by_what_is_left(const NodeRow& row) {
  std::ranges::stable_sort(cards_, {}, [&](std::uint16_t card) {
    const std::uint16_t kind = nodes_.kind_of(row)[card];
    const Amounts& room = nodes_.room_of(row)[card];
    const Amounts& capacity = nodes_.kinds[kind].capacity;
    const Amounts& taken = need(0, kind).amounts;
    const auto left = [&](std::size_t dimension) {
      return std::min(room[dimension], capacity[dimension]) - taken[dimension];
    };
    return std::pair(left(kMemory), left(kCompute));
  });
}

bool Scorer::may_take(const NodeRow& row, std::size_t step, std::uint16_t card) const {
  return accepts_uuid(shape_->steps()[step].demand, nodes_.cards[row.first_card + card].uuid);
}

/// The group that a card counts as for a demand that binds all its cards to one; -1: to none.
std::int16_t Scorer::group_of(const NodeRow& row, std::size_t step, std::uint16_t card) const {
  const DeviceDemand& demand = shape_->steps()[step].demand;
  const CardEntry& entry = nodes_.cards[row.first_card + card];
  if (demand.one_numa) return entry.numa;
  return demand.one_link_group ? entry.link_group : std::int16_t{-1};
}

/// Adds a slice of a step to what the request itself has on a card; false where that is too much.
/// `beside` must be free as well.
bool Scorer::add(Load& load, std::size_t step, const Amounts& amounts, const Amounts& beside,
                 const Amounts& room) const {
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
  return (now + beside).fits_in(room);
}

/// Whether the rules of the card's descriptor let the demand in, beside what the request has.
bool Scorer::keeps_rules(const NodeRow& row, std::size_t step, std::uint16_t card) const {
  const DeviceDemand& demand = shape_->steps()[step].demand;
  if (policy_->unused_only &&
      !pickers::idle_only(use_of(nodes_, {node_of(row), card, loads_[card].most})))
    return false;
  if (demand.rules.empty() && !demand.unused) return true;
  if (broken_rule(nodes_, {node_of(row), card, loads_[card].most}, demand)) return false;
  if (std::ranges::find(demand.rules, vendors::DeviceRule::kSameDevicePerPod) == demand.rules.end())
    return true;
  std::vector<std::int64_t> of_pod;
  for (const Choice& choice : choices_) {
    const Shape::Step& other = shape_->steps()[choice.step];
    if (other.container != shape_->steps()[step].container && other.demand.vendor == demand.vendor)
      of_pod.push_back(choice.card);
  }
  return pickers::same_device_per_pod(of_pod, card);
}

/// Books a slice on a card if there is room, and searches on from there.
bool Scorer::take_slice(const NodeRow& row, const Choice& choice, int taken, const Amounts& amounts,
                        const Amounts& beside) {
  Load& load = loads_[choice.card];
  const Load before = load;
  if (add(load, choice.step, amounts, beside, nodes_.room[row.first_card + choice.card])) {
    choices_.push_back(choice);
    const bool is_within = !shape_->shares_quota() || is_within_quotas(row);
    if (is_within && search(row, choice.step, taken + 1)) return true;
    choices_.pop_back();
  }
  loads_[choice.card] = before;
  return false;
}

/// Cuts a slice for the choice at each place in turn, and searches on from there. Places are not
/// shared between the containers of a pod either, whenever they run.
bool Scorer::take_places(const NodeRow& row, const Choice& choice, int taken) {
  const Need wanted = need(choice.step, nodes_.kind[row.first_card + choice.card]);
  const std::int32_t free =
      nodes_.room[row.first_card + choice.card][kPlaces] & ~loads_[choice.card].most[kPlaces];
  for (const std::int32_t places : *wanted.places) {
    if ((places & ~free) != 0) continue;
    if (--steps_left_ < 0) return false;
    Choice cut = choice;
    cut.places = places;
    Amounts amounts = wanted.amounts;
    amounts[kPlaces] = places;
    if (take_slice(row, cut, taken, amounts, wanted.free - wanted.amounts)) return true;
  }
  return false;
}

/// Gives the card to the step if that may be, and searches on from there.
bool Scorer::take_card(const NodeRow& row, std::size_t step, int taken, std::uint16_t card) {
  const DeviceDemand& demand = shape_->steps()[step].demand;
  const Need wanted = need(step, nodes_.kind[row.first_card + card]);
  if (!wanted.accepted || !may_take(row, step, card) || !keeps_rules(row, step, card)) return false;
  const bool binds = demand.count > 1 && (demand.one_numa || demand.one_link_group);
  const std::int16_t group = binds ? group_of(row, step, card) : std::int16_t{-1};
  if (binds && (group < 0 || (taken > 0 && group != choices_.back().group))) return false;
  const Amounts beside = wanted.free - wanted.amounts;
  if (wanted.places == nullptr)
    return take_slice(row, {step, card, group}, taken, wanted.amounts, beside);
  return take_places(row, {step, card, group}, taken);
}

/// Whether the card could take a slice of the step as things are.
bool Scorer::could_take(const NodeRow& row, std::size_t step, std::uint16_t card) {
  const Need& wanted = need(step, nodes_.kind[row.first_card + card]);
  if (!wanted.accepted || wanted.places != nullptr) return false;
  if (!may_take(row, step, card) || !keeps_rules(row, step, card)) return false;
  Load load = loads_[card];
  return add(load, step, wanted.amounts, wanted.free - wanted.amounts,
             nodes_.room[row.first_card + card]);
}

bool Scorer::take_set(const NodeRow& row, std::size_t step, std::span<const std::uint16_t> set) {
  if (--steps_left_ < 0) return false;
  const DeviceDemand& demand = shape_->steps()[step].demand;
  std::vector<Load> before;
  const std::size_t chosen = choices_.size();
  for (const std::uint16_t card : set) {
    before.push_back(loads_[card]);
    add(loads_[card], step, need(step, nodes_.kind[row.first_card + card]).amounts, {},
        nodes_.room[row.first_card + card]);
    const bool is_bound = demand.one_numa || demand.one_link_group;
    choices_.push_back({step, card, is_bound ? group_of(row, step, card) : std::int16_t{-1}});
  }
  const auto bound_apart = [&](const Choice& choice) {
    return (demand.one_numa || demand.one_link_group) && demand.count > 1 &&
           (choice.group < 0 || choice.group != choices_[chosen].group);
  };
  const bool apart = std::any_of(choices_.begin() + static_cast<std::ptrdiff_t>(chosen),
                                 choices_.end(), bound_apart);
  const bool is_within = !shape_->shares_quota() || is_within_quotas(row);
  if (!apart && is_within && search(row, step + 1, 0)) return true;
  choices_.resize(chosen);
  for (std::size_t i = 0; i < set.size(); ++i) loads_[set[i]] = before[i];
  return false;
}

/// Tries the sets that the demand's picker makes.
bool Scorer::search_sets(const NodeRow& row, std::size_t step, vendors::PickerKind kind) {
  std::vector<std::uint16_t> candidates;
  for (const std::uint16_t card : cards_)
    if (could_take(row, step, card)) candidates.push_back(card);
  const DeviceDemand& demand = shape_->steps()[step].demand;
  const bool by_numa = policy_->numa_first && demand.picker.kind != kind;
  return visit_sets(nodes_, {node_of(row), candidates, by_numa}, demand, kind,
                    [&](std::span<const std::uint16_t> set) { return take_set(row, step, set); });
}

bool Scorer::search_cards(const NodeRow& row, std::size_t step, int taken) {
  // Cards of one demand are taken in the order of cards_, so that no set is tried twice. A card
  // that is cut may give several slices.
  auto at = cards_.begin();
  if (taken > 0) {
    at = std::ranges::find(cards_, choices_.back().card);
    if (choices_.back().places == 0) ++at;
  }
  for (; at != cards_.end(); ++at) {
    if (--steps_left_ < 0) return false;
    if (take_card(row, step, taken, *at)) return true;
  }
  return false;
}

bool Scorer::search(const NodeRow& row, std::size_t step, int taken) {
  if (step == shape_->steps().size()) return true;
  const DeviceDemand& demand = shape_->steps()[step].demand;
  if (taken == demand.count) return search(row, step + 1, 0);
  if (taken == 0) {
    vendors::PickerKind kind = picker_of(demand, nodes_, node_of(row), policy_->links_first);
    if (kind == vendors::PickerKind::kNone && policy_->numa_first)
      kind = vendors::PickerKind::kZoneBestFit;
    if (kind != vendors::PickerKind::kNone && search_sets(row, step, kind)) return true;
    if (binds_to_sets(demand)) return false;
  }
  return search_cards(row, step, taken);
}

Merit Scorer::score_general(std::uint32_t node, std::int64_t before, Layout* layout) {
  const NodeRow& row = nodes_.rows[node];
  cards_.resize(row.cards);
  std::iota(cards_.begin(), cards_.end(), std::uint16_t{0});
  sort_cards(row);
  const bool spares_others = is_online(*shape_);
  const auto stops = [&](std::uint16_t card) { return stops_others(nodes_, node, card); };
  if (spares_others) std::stable_partition(cards_.begin(), cards_.end(), std::not_fn(stops));
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
    for (const Choice& choice : choices_) {
      Amounts amounts = need(choice.step, nodes_.kind[row.first_card + choice.card]).amounts;
      amounts[kPlaces] = choice.places;
      layout->slices.push_back({static_cast<std::uint16_t>(shape_->steps()[choice.step].container),
                                choice.card, amounts});
    }
  }
  Trial trial{.node = row, .milli = nodes_.milli_of(row), .host = shape_->host()};
  const bool stops_some = spares_others && std::ranges::any_of(booked_, stops, &CardSlice::card);
  return judge(trial, row, before, booked_) - (stops_some ? kStopsOthers : 0);
}

}  // namespace melon::placement::detail

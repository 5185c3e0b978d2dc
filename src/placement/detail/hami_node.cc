// SPDX-License-Identifier: Apache-2.0
// HAMi's way through the cards of one node, and what it says where they do not do.
#include "placement/detail/hami_node.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

#include "placement/detail/card_sets.h"
#include "placement/detail/hami_rules.h"
#include "placement/detail/hami_vendor_score.h"

namespace melon::placement::detail {
namespace {

constexpr const char* kTooFewOfVendor = "NodeInsufficientDevice";
constexpr const char* kTooFewPass = "AllocatedCardsInsufficientRequest";

/// The vendor's function looks for a set at once, and tells nothing of single cards.
bool answers_for_sets(const DeviceDemand& demand) {
  return binds_to_sets(demand) && demand.picker.kind != vendors::PickerKind::kFullPairs;
}

}  // namespace

HamiNode::HamiNode(const NodeTable& nodes, std::uint32_t node, const Shape& shape,
                   const HamiOptions& options)
    : nodes_(nodes),
      row_(nodes.rows[node]),
      node_(node),
      shape_(shape),
      options_(options),
      loads_(row_.cards) {}

bool HamiNode::is_of_vendor(std::uint16_t card, const DeviceDemand& demand) const {
  return demand.vendor.empty() || nodes_.kinds[nodes_.kind_of(row_)[card]].vendor == demand.vendor;
}

Amounts HamiNode::total_of(std::uint16_t card) const {
  return bookable(nodes_.kinds[nodes_.kind_of(row_)[card]].capacity,
                  nodes_.entries[node_].oversubscription);
}

/// By others.
Amounts HamiNode::used_on(std::uint16_t card) const {
  Amounts used = total_of(card) - nodes_.room_of(row_)[card];
  const CardEntry& entry = nodes_.cards_of(row_)[card];
  if (!entry.healthy || entry.cordoned) used[kSlots] -= kUnusable;
  return used;
}

/// What of the request's own load runs beside a step: in 2.9 all of it.
Amounts HamiNode::beside(const Load& load, std::size_t step) const {
  const Shape::Step& asked = shape_.steps()[step];
  if (!options_.is_210 || asked.role == Role::kApp) return load.sidecars + load.apps;
  if (asked.role == Role::kInit && load.init_container == asked.container)
    return load.sidecars + load.init;
  return load.sidecars;
}

/// By others, and by the request itself.
Amounts HamiNode::used_now(std::uint16_t card, std::size_t step) const {
  return used_on(card) + beside(loads_[card], step);
}

double HamiNode::score() const {
  std::vector<CardUsage> cards;
  for (std::uint16_t card = 0; card < row_.cards; ++card)
    cards.push_back({used_on(card), total_of(card)});
  return hami_node_score(cards) +
         hami_vendor_score(nodes_, node_, shape_, slices_, options_.spreads_nodes);
}

/// What the step's container asks of cards of a kind, as scores count it: only where the vendor's
/// word is the type itself, which for NVIDIA it never is.
Amounts HamiNode::counted_ask(std::size_t step, const DeviceKind& kind) const {
  Amounts asked;
  for (const Shape::Step& other : shape_.steps()) {
    if (other.container != shape_.steps()[step].container || other.demand.vendor != kind.type)
      continue;
    for (int i = 0; i < other.demand.count; ++i) asked += amounts_on(other.demand, kind);
  }
  return asked;
}

/// The cards in the order in which they are tried: HAMi's list from its end.
std::vector<std::uint16_t> HamiNode::walk(std::size_t step) const {
  const CardWeights weights = options_.is_210 ? options_.weights : CardWeights{1, 1, 1};
  const bool numa_first =
      !options_.is_210 || options_.numa_first || shape_.steps()[step].demand.one_numa;
  const int score_sign = options_.spreads_cards ? 1 : -1;
  const int numa_sign = numa_first && !options_.spreads_cards ? 1 : -1;
  std::vector<std::tuple<double, double, int>> keyed;
  for (std::uint16_t card = 0; card < row_.cards; ++card) {
    const DeviceKind& kind = nodes_.kinds[nodes_.kind_of(row_)[card]];
    const double score = score_sign * hami_card_score({used_now(card, step), total_of(card)},
                                                      counted_ask(step, kind), weights);
    const double numa = numa_sign * int{nodes_.cards_of(row_)[card].numa};
    keyed.emplace_back(numa_first ? numa : score, numa_first ? score : numa, -int{card});
  }
  std::ranges::sort(keyed);
  std::vector<std::uint16_t> cards;
  for (const auto& key : keyed) cards.push_back(static_cast<std::uint16_t>(-std::get<2>(key)));
  return cards;
}

/// Where a slice of a card that is cut goes; nothing where no place is free, 0 where it is not cut.
std::optional<std::int32_t> HamiNode::free_places(std::size_t step, std::uint16_t card) const {
  const auto* const cut = partition_on(demand_of(step), nodes_.kinds[nodes_.kind_of(row_)[card]]);
  if (cut == nullptr) return 0;
  std::int32_t free = nodes_.room_of(row_)[card][kPlaces] & ~loads_[card].most[kPlaces];
  for (const Taken& taken : collected_)
    if (taken.card == card) free &= ~taken.amounts[kPlaces];
  for (const std::int32_t places : cut->places)
    if ((places & ~free) == 0) return places;
  return std::nullopt;
}

/// Collects slices of a card that passes: one, or of one that is cut as many as it takes.
void HamiNode::try_card(std::size_t step, std::uint16_t card) {
  const auto wanted = static_cast<std::size_t>(demand_of(step).count);
  const DeviceKind& kind = nodes_.kinds[nodes_.kind_of(row_)[card]];
  const bool is_cut = partition_on(demand_of(step), kind) != nullptr;
  for (bool again = true; again; again = is_cut && collected_.size() < wanted) {
    if (const std::string_view why = refusal(step, card); !why.empty()) {
      ++counts_[std::string(why)];
      return;
    }
    Amounts amounts = amounts_on(demand_of(step), kind);
    amounts[kPlaces] = free_places(step, card).value_or(0);
    collected_.push_back({card, amounts});
  }
}

/// Whether all cards that pass are looked at before some are chosen.
bool HamiNode::wants_all(std::size_t step) const {
  const DeviceDemand& demand = demand_of(step);
  const bool is_linked = demand.picker.kind == vendors::PickerKind::kLinkMatrix;
  return takes_sets(demand) ? !is_linked || options_.links_first
                            : options_.links_first && is_linked;
}

/// Walks the cards; true when enough were collected.
bool HamiNode::collect(std::size_t step, const std::vector<std::uint16_t>& cards) {
  const DeviceDemand& demand = demand_of(step);
  const auto wanted = static_cast<std::size_t>(demand.count);
  const bool all = wants_all(step);
  std::optional<std::int16_t> numa;
  for (const std::uint16_t card : cards) {
    if (!is_of_vendor(card, demand)) continue;
    if (const std::string_view why = refusal_of_kind(step, card); !why.empty()) {
      ++counts_[std::string(why)];
      continue;
    }
    const std::int16_t of_card = nodes_.cards_of(row_)[card].numa;
    if (demand.one_numa && numa && *numa != of_card && !collected_.empty()) {
      counts_["NumaNotFit"] += options_.is_210 ? static_cast<int>(collected_.size()) : 1;
      collected_.clear();
    }
    numa = of_card;
    try_card(step, card);
    if (!all && collected_.size() >= wanted) return true;
  }
  return collected_.size() >= wanted;
}

/// Of all cards that passed, those that the vendor's picker takes together.
bool HamiNode::choose_set(std::size_t step) {
  std::vector<std::uint16_t> cards;
  for (const Taken& taken : collected_) cards.push_back(taken.card);
  const DeviceDemand& demand = demand_of(step);
  const auto wanted = static_cast<std::size_t>(demand.count);
  std::vector<std::uint16_t> set;
  const auto keep = [&](std::span<const std::uint16_t> found) {
    set.assign(found.begin(), found.end());
    return true;
  };
  if (collected_.size() > wanted || binds_to_sets(demand))
    visit_sets(nodes_, {node_, cards}, demand, demand.picker.kind, keep);
  // Wings know these numbers and no other.
  if (demand.picker.kind == vendors::PickerKind::kWings && !std::has_single_bit(wanted))
    set.clear();
  if (set.empty() && binds_to_sets(demand)) return false;
  if (!set.empty())
    std::erase_if(collected_, [&](const Taken& taken) {
      return std::ranges::find(set, taken.card) == set.end();
    });
  const bool has_places = demand.picker.kind == vendors::PickerKind::kAlignedRun ||
                          demand.picker.kind == vendors::PickerKind::kWings;
  if (has_places) std::ranges::sort(collected_, {}, &Taken::card);  // told from the first
  collected_.resize(std::min(collected_.size(), wanted));
  return true;
}

void HamiNode::add(Load& load, std::size_t step, const Amounts& amounts) const {
  const Shape::Step& asked = shape_.steps()[step];
  if (options_.is_210 && asked.role == Role::kInit) {
    if (load.init_container != asked.container) load.init = {};
    load.init_container = asked.container;
    load.init += amounts;
    load.most = largest_of(load.most, load.sidecars + load.init);
  } else {
    (options_.is_210 && asked.role == Role::kSidecar ? load.sidecars : load.apps) += amounts;
    load.most = largest_of(load.most, load.sidecars + load.apps);
  }
}

void HamiNode::take(std::size_t step, const Taken& taken) {
  const Shape::Step& asked = shape_.steps()[step];
  add(loads_[taken.card], step, taken.amounts);
  add(of_vendor_[asked.demand.vendor], step, taken.amounts);
  slices_.push_back({static_cast<std::uint16_t>(asked.container), taken.card, taken.amounts});
}

/// Counts the cards that there are of the vendor; whether that is too few to look at any.
bool HamiNode::has_too_few(std::size_t step) {
  const DeviceDemand& demand = demand_of(step);
  cards_of_vendor_ = 0;
  for (std::uint16_t card = 0; card < row_.cards; ++card)
    if (is_of_vendor(card, demand)) ++cards_of_vendor_;
  if (cards_of_vendor_ == 0) return true;
  const std::size_t counted = options_.is_210 ? cards_of_vendor_ : row_.cards;
  const bool may_share = options_.is_210 && !demand.partitions.empty();
  return static_cast<std::size_t>(demand.count) > counted && !may_share;
}

/// Whether a card of the vendor is in the mode, or can be cut into a profile, that is asked for.
bool HamiNode::serves_mode(std::size_t step) const {
  const DeviceDemand& demand = demand_of(step);
  if (demand.node_flag.empty() && !demand.by_profile) return true;
  for (std::uint16_t card = 0; card < row_.cards; ++card) {
    const DeviceKind& kind = nodes_.kinds[nodes_.kind_of(row_)[card]];
    if (!is_of_vendor(card, demand) || !accepts(demand, kind)) continue;
    const PartitionChoice* const cut = partition_on(demand, kind);
    if (!demand.by_profile || (cut != nullptr && !cut->places.empty())) return true;
  }
  return false;
}

/// Of the cards that passed, those whose neighbour did too.
std::size_t HamiNode::cards_in_pairs() const {
  std::map<std::int32_t, std::size_t> modules;
  for (const Taken& taken : collected_) ++modules[nodes_.cards_of(row_)[taken.card].index / 2];
  std::size_t cards = 0;
  for (const auto& [module, members] : modules) cards += members == 2 ? 2 : 0;
  return cards;
}

/// Where there is no set: nothing of single cards, but that they were not to be taken.
void HamiNode::tell_no_set(std::size_t step) {
  const DeviceDemand& demand = demand_of(step);
  const bool is_wings = demand.picker.kind == vendors::PickerKind::kWings;
  // Whole XPUs that somebody is on are taken by nobody anyway.
  const bool tells_mutex = is_wings && has_rule(demand, vendors::DeviceRule::kUniformSlice);
  const auto all = std::exchange(counts_, {});
  const auto keep = [&](const char* word) {
    const auto found = all.find(word);
    if (counts_.empty() && found != all.end()) counts_.insert(*found);
  };
  if (options_.is_210 && tells_mutex && options_.unused_only)
    keep("ExclusiveDeviceAllocateConflict");
  if (options_.is_210 && is_wings) keep("CardUuidMismatch");
  if (counts_.empty()) counts_["NumaNotFit"] = 1;
  if (!options_.is_210) counted_of_ = counts_.size();
}

/// Says that fewer cards passed than are asked for: 2.9 says so of one, however many there are.
void HamiNode::tell_shortage(std::size_t step) {
  const DeviceDemand& demand = demand_of(step);
  if (answers_for_sets(demand)) return tell_no_set(step);
  if (options_.is_210 && demand.picker.kind == vendors::PickerKind::kFullPairs) {
    counts_[kTooFewPass] = static_cast<int>(cards_in_pairs());
    counted_of_ = static_cast<std::size_t>(demand.count);
  } else if (!collected_.empty()) {
    const bool counts_all = options_.is_210 || keeps_classes(demand);
    counts_[kTooFewPass] = counts_all ? static_cast<int>(collected_.size()) : 1;
  }
}

bool HamiNode::fit_step(std::size_t step) {
  collected_.clear();
  counts_.clear();
  if (has_too_few(step)) {
    counts_[kTooFewOfVendor] = 1;
    return false;
  }
  counted_of_ = cards_of_vendor_;
  if (!serves_mode(step)) {
    counts_["ModeNotFit"] = 1;
    return false;
  }
  if (!collect(step, walk(step)) || (wants_all(step) && !choose_set(step))) {
    tell_shortage(step);
    return false;
  }
  for (const Taken& taken : collected_) take(step, taken);
  return true;
}

std::optional<Layout> HamiNode::fit() {
  for (std::size_t step = 0; step < shape_.steps().size(); ++step)
    if (!fit_step(step)) return std::nullopt;
  return layout();
}

Layout HamiNode::layout() const {
  Layout layout{.slices = slices_};
  for (std::uint16_t card = 0; card < row_.cards; ++card)
    if (loads_[card].most != Amounts{}) layout.booked.push_back({card, loads_[card].most});
  return layout;
}

std::string HamiNode::reasons() const {
  if (counts_.contains(kTooFewOfVendor)) return kTooFewOfVendor;
  std::vector<std::string> texts;
  for (const auto& [word, count] : counts_)
    texts.push_back(fmt::format("{}/{} {}", count, counted_of_, word));
  std::ranges::sort(texts);
  return fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace melon::placement::detail

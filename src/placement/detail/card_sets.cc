// SPDX-License-Identifier: Apache-2.0
// Makes the sets of cards that a demand's picker takes together.
#include "placement/detail/card_sets.h"

#include <algorithm>

#include "placement/pickers/groups.h"
#include "placement/pickers/links.h"
#include "placement/pickers/runs.h"
#include "placement/pickers/wings.h"

namespace melon::placement::detail {
namespace {

using pickers::FreeByIndex;
using pickers::Picks;
using vendors::PickerKind;

class Sets {
 public:
  Sets(const NodeTable& nodes, const CardCandidates& candidates, const DeviceDemand& demand,
       const SetVisitor& visit)
      : nodes_(nodes),
        row_(nodes.rows[candidates.node]),
        entry_(nodes.entries[candidates.node]),
        cards_(candidates.cards),
        demand_(demand),
        visit_(visit),
        by_numa_(candidates.by_numa),
        count_(static_cast<std::size_t>(demand.count)) {}

  bool run(PickerKind kind) {
    if (cards_.size() < count_) return false;
    switch (kind) {
      case PickerKind::kNone:
        return false;
      case PickerKind::kBiggestGroup:
        return take(pickers::biggest_group(groups(), count_));
      case PickerKind::kZoneBestFit:
        return take(pickers::zone_best_fit(groups(), count_));
      case PickerKind::kLinkMatrix:
        return take(pickers::best_linked(links(), count_));
      case PickerKind::kFullPairs:
        return pairs();
      case PickerKind::kAlignedRun:
      case PickerKind::kRingRun:
        return runs(kind == PickerKind::kRingRun || is_ring());
      case PickerKind::kWings:
        return wings();
    }
    return false;
  }

 private:
  std::int64_t index_of(std::size_t card) const {
    return nodes_.cards[row_.first_card + card].index;
  }

  /// By positions among the candidates.
  bool take(const Picks& picks) {
    if (picks.size() < count_) return false;
    set_.clear();
    for (const std::size_t pick : picks) set_.push_back(cards_[pick]);
    return visit_(set_);
  }

  /// By indices on the node.
  bool take_indices(const std::vector<std::size_t>& indices) {
    set_.clear();
    for (const std::size_t index : indices)
      for (const std::uint16_t card : cards_)
        if (index_of(card) == static_cast<std::int64_t>(index)) set_.push_back(card);
    return set_.size() == count_ && visit_(set_);
  }

  std::vector<std::int64_t> groups() const {
    std::vector<std::int64_t> groups;
    for (const std::uint16_t card : cards_) {
      const CardEntry& entry = nodes_.cards[row_.first_card + card];
      groups.push_back(by_numa_ ? entry.numa + 1 : entry.link_group);  // zones begin at 1
    }
    return groups;
  }

  pickers::LinkMatrix links() const {
    pickers::LinkMatrix matrix(cards_.size());
    std::vector<std::size_t> place(row_.cards, cards_.size());
    for (std::size_t i = 0; i < cards_.size(); ++i) place[cards_[i]] = i;
    for (const CardLink& link : entry_.links)
      if (std::max(place[link.from], place[link.to]) < cards_.size())
        matrix.say(place[link.from], place[link.to], link.score);
    return matrix;
  }

  /// Up to the last index of a device of this vendor, at least `least`.
  FreeByIndex free_by_index(std::size_t least) const {
    FreeByIndex free(least, false);
    for (std::uint16_t card = 0; card < row_.cards; ++card) {
      const bool is_vendor = demand_.vendor.empty() ||
                             nodes_.kinds[nodes_.kind_of(row_)[card]].vendor == demand_.vendor;
      const std::int64_t index = index_of(card);
      constexpr std::int64_t kMostIndex = 4096;
      if (is_vendor && index >= static_cast<std::int64_t>(free.size()) && index < kMostIndex)
        free.resize(static_cast<std::size_t>(index) + 1, false);
    }
    for (const std::uint16_t card : cards_)
      if (const auto index = static_cast<std::size_t>(index_of(card)); index < free.size())
        free[index] = true;
    return free;
  }

  bool is_ring() const {
    const auto label = entry_.labels.find(demand_.picker.ring_label);
    return label != entry_.labels.end() && !demand_.picker.ring_value.empty() &&
           label->second.find(demand_.picker.ring_value) != std::string::npos;
  }

  /// Every choice of as many full pairs as are asked for, lowest pairs first.
  bool pairs() {
    std::vector<std::int64_t> indices;
    for (const std::uint16_t card : cards_) indices.push_back(index_of(card));
    const Picks all = pickers::full_pairs(indices, cards_.size());
    if (count_ % 2 != 0 || all.size() < count_) return false;
    bool taken = false;
    pickers::for_each_set(all.size() / 2, count_ / 2, [&](const Picks& chosen) {
      Picks picks;
      for (const std::size_t pair : chosen)
        picks.insert(picks.end(), {all[2 * pair], all[2 * pair + 1]});
      taken = take(picks);
      return !taken;
    });
    return taken;
  }

  bool runs(bool on_ring) {
    const FreeByIndex free = free_by_index(0);
    for (std::size_t from = 0;; ++from) {
      const auto start = on_ring ? pickers::ring_run(free, count_, demand_.ring_wraps, from)
                                 : pickers::aligned_run(free, count_, demand_.picker.counts, from);
      if (!start) return false;
      std::vector<std::size_t> indices;
      for (std::size_t i = 0; i < count_; ++i) indices.push_back((*start + i) % free.size());
      if (take_indices(indices)) return true;
      from = *start;
    }
  }

  bool wings() {
    const vendors::Picker& picker = demand_.picker;
    const FreeByIndex free = free_by_index(static_cast<std::size_t>(2 * picker.wing_size));
    for (const auto& set : pickers::sets_on_wings(free, count_, picker))
      if (take_indices(set)) return true;
    return false;
  }

  const NodeTable& nodes_;
  const NodeRow& row_;
  const NodeEntry& entry_;
  std::span<const std::uint16_t> cards_;
  const DeviceDemand& demand_;
  const SetVisitor& visit_;
  bool by_numa_;
  std::size_t count_;
  std::vector<std::uint16_t> set_;
};

}  // namespace

bool binds_to_sets(const DeviceDemand& demand) {
  switch (demand.picker.kind) {
    case PickerKind::kFullPairs:
    case PickerKind::kWings:
      return true;
    case PickerKind::kAlignedRun:
    case PickerKind::kRingRun:
      return demand.count > 1;
    default:
      return false;
  }
}

bool takes_sets(const DeviceDemand& demand) {
  return demand.picker.kind != PickerKind::kNone && (demand.count > 1 || binds_to_sets(demand));
}

PickerKind picker_of(const DeviceDemand& demand, const NodeTable& nodes, std::uint32_t node,
                     bool links_first) {
  if (binds_to_sets(demand)) return demand.picker.kind;
  const bool has_links = !nodes.entries[node].links.empty();
  if (links_first && has_links) return PickerKind::kLinkMatrix;
  if (!takes_sets(demand))
    return links_first && demand.count > 1 ? PickerKind::kBiggestGroup : PickerKind::kNone;
  if (demand.picker.kind == PickerKind::kLinkMatrix && !has_links) return PickerKind::kNone;
  return demand.picker.kind;
}

bool visit_sets(const NodeTable& nodes, const CardCandidates& candidates,
                const DeviceDemand& demand, PickerKind kind, const SetVisitor& visit) {
  return Sets(nodes, candidates, demand, visit).run(kind);
}

}  // namespace melon::placement::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "placement/detail/splitter.h"
#include "placement/index.h"
#include "placement/preemption.h"
#include "placement/rules.h"
#include "placement/shape.h"

namespace melon::placement::detail {

/// No set of victims on a node is better than this.
struct Bound {
  std::size_t count = 1;
  std::int32_t priority = 0;   // the highest of them
  std::uint32_t position = 0;  // of the node, in the order of ranks and names
  std::uint32_t node = 0;
  std::uint32_t first_priority = 0;  // where Bounds keeps those of all of them, once it looked
  bool is_exact = false;             // as exact as can be without trying

  auto key() const { return std::tuple(count, priority, position); }
};

/// Which grants a request may end.
class Victims {
 public:
  Victims(const Index& index, std::int32_t priority, const PreemptionOptions& options)
      : index_(index),
        priority_(priority),
        budgets_(options.budgets.begin(), options.budgets.end()) {}

  bool may_end(const GrantEntry& grant) const {
    return grant.priority < priority_ && (grant.group.empty() || budget(grant.group) > 0);
  }
  std::int64_t budget(std::string_view group) const {
    const auto at = budgets_.find(group);
    return at == budgets_.end() ? std::numeric_limits<std::int64_t>::max() : at->second;
  }
  std::int32_t priority() const { return priority_; }

  /// Those of a node, those that are ended rather first.
  std::vector<const GrantEntry*> of(std::uint32_t node) const {
    std::vector<const GrantEntry*> grants;
    for (const std::uint32_t slot : index_.nodes().entries[node].grants)
      if (may_end(index_.grant(slot))) grants.push_back(&index_.grant(slot));
    std::ranges::sort(grants, {}, [](const GrantEntry* grant) {
      return std::tuple(grant->priority, grant->slices.size(), std::string_view(grant->id));
    });
    return grants;
  }

  bool within_budgets(std::span<const GrantEntry* const> grants) const {
    std::map<std::string_view, std::int64_t> ended;
    return std::ranges::all_of(grants, [&](const GrantEntry* grant) {
      return grant->group.empty() || ++ended[grant->group] <= budget(grant->group);
    });
  }

 private:
  const Index& index_;
  std::int32_t priority_;
  std::unordered_map<std::string_view, std::int64_t> budgets_;
};

/// What can be said of nodes without trying sets: first by their rows alone, which is quick, then
/// by what is kept of their grants' priorities, and last by the grants. A bound is never above the
/// next one of the same node, so that most nodes never need theirs.
class Bounds {
 public:
  Bounds(const Index& index, const Shape& shape, const Victims& victims)
      : index_(index), nodes_(index.nodes()), shape_(shape), victims_(victims) {
    // Of what may be split, devices that take a whole slice say nothing.
    if (!shape.is_simple() || shape.steps().empty() || may_split(shape)) return;
    const DeviceDemand& demand = shape.steps()[0].demand;
    wanted_ = static_cast<std::size_t>(demand.count);
    for (const DeviceKind& kind : nodes_.kinds) {
      const Amounts amounts = amounts_on(demand, kind);
      accepted_.push_back(accepts(demand, kind) && amounts.fits_in(kind.capacity) ? 1 : 0);
      needs_.push_back(amounts);
    }
  }

  /// The nodes that may have victims, the best bounds first.
  std::vector<Bound> by_rows(std::span<const std::uint32_t> order) const {
    std::vector<Bound> open;
    for (std::uint32_t i = 0; i < order.size(); ++i) {
      if (i + kAhead < order.size()) __builtin_prefetch(&nodes_.rows[order[i + kAhead]]);
      const NodeRow& row = nodes_.rows[order[i]];
      if (!row.open || row.lowest_priority >= victims_.priority()) continue;
      if (wanted_ > 0 && (row.cards < wanted_ || (row.uniform && accepted_[row.kind] == 0)))
        continue;
      open.push_back({count_by(row), row.lowest_priority, i, order[i]});
    }
    std::ranges::sort(open, [](const Bound& a, const Bound& b) { return a.key() < b.key(); });
    return open;
  }

  /// The same bounds as far as the nodes' entries allow, and where one victim may do also their
  /// grants; nodes without enough victims are left out.
  void refine(std::span<const Bound> rough, std::vector<Bound>& bounds) {
    for (std::size_t i = 0; i < rough.size(); ++i) {
      if (i + 2 * kAhead < rough.size()) fetch_entry(rough[i + 2 * kAhead].node);
      if (i + kAhead < rough.size() && rough[i + kAhead].count == 1)
        fetch_grants(rough[i + kAhead].node);
      if (const auto bound = refined(rough[i])) bounds.push_back(*bound);
    }
  }

  /// The bound by the grants that may be ended, where it was not yet.
  std::optional<Bound> by_grants(Bound bound) {
    priorities_.clear();
    for (const std::uint32_t slot : nodes_.entries[bound.node].grants)
      if (const GrantEntry& grant = index_.grant(slot); victims_.may_end(grant))
        priorities_.push_back(grant.priority);
    return with_lowest(bound);
  }

  /// Of the victims, from the highest on; of a bound that refine() or by_grants() made.
  std::span<const std::int32_t> priorities(const Bound& bound) const {
    return std::span(kept_).subspan(bound.first_priority, bound.count);
  }

  /// Of two such bounds.
  bool is_better(const Bound& a, const Bound& b) const {
    if (a.count != b.count || a.priority != b.priority) return a.key() < b.key();
    const auto ours = priorities(a);
    const auto theirs = priorities(b);
    const auto differs = std::ranges::mismatch(ours, theirs);
    return differs.in1 == ours.end() ? a.position < b.position : *differs.in1 < *differs.in2;
  }

 private:
  static constexpr std::size_t kAhead = 8;

  void fetch_entry(std::uint32_t node) const {
    __builtin_prefetch(&nodes_.entries[node].grants);
    __builtin_prefetch(&nodes_.entries[node].priorities);
  }

  void fetch_grants(std::uint32_t node) const {
    for (const std::uint32_t slot : nodes_.entries[node].grants) {
      const char* const grant = reinterpret_cast<const char*>(&index_.grant(slot));
      __builtin_prefetch(grant);
      __builtin_prefetch(grant + 64);
    }
    const NodeRow& row = nodes_.rows[node];
    for (std::uint32_t card = 0; card < row.cards; card += 2)
      __builtin_prefetch(&nodes_.room[row.first_card + card]);
  }

  /// Where no card is free yet: each victim brings no more cards than it has slices.
  std::size_t count_by(const NodeRow& row) const {
    if (wanted_ == 0 || !row.uniform || needs_[row.kind].fits_in(row.widest)) return 1;
    constexpr std::array<std::size_t, kTaskClasses> kCards = {0, 1, 1, 2, 4, 8, 0};
    if (row.tasks.back() > 0) return 1;  // of those it is not known how many they have
    std::size_t count = 0;
    std::size_t brought = 0;
    for (std::size_t kind = kCards.size(); kind-- > 0 && brought < wanted_;)
      for (std::uint16_t i = 0; i < row.tasks.at(kind) && brought < wanted_; ++i) {
        brought += kCards.at(kind);
        count += kCards.at(kind) > 0 ? 1 : 0;
      }
    return std::max<std::size_t>(count, 1);
  }

  bool passes_rules(std::uint32_t node) const {
    const NodeEntry& entry = nodes_.entries[node];
    if (shape_.has_label_rules() && !labels_hold(shape_.request(), entry.labels)) return false;
    return !nodes_.rows[node].tainted || untolerated(shape_.request(), entry.taints) == nullptr;
  }

  std::optional<Bound> refined(Bound bound) {
    if (!passes_rules(bound.node)) return std::nullopt;
    if (bound.count > 1) return by_entry(bound);
    const NodeRow& row = nodes_.rows[bound.node];
    const std::size_t fitting = wanted_ == 0 ? 0 : count_fitting(row);
    brought_.clear();
    priorities_.clear();
    std::optional<std::int32_t> alone;
    for (const std::uint32_t slot : nodes_.entries[bound.node].grants) {
      const GrantEntry& grant = index_.grant(slot);
      if (!victims_.may_end(grant)) continue;
      brought_.push_back(grant.slices.size());
      priorities_.push_back(grant.priority);
      if (alone && grant.priority >= *alone) continue;
      if (is_enough(row, grant, fitting)) alone = grant.priority;
    }
    if (alone) {
      priorities_.assign(1, *alone);
      return with_lowest(bound);
    }
    bound.count = std::max<std::size_t>(2, victims_for(fitting));
    return with_lowest(bound);
  }

  /// Where the row says already how many it takes.
  std::optional<Bound> by_entry(Bound bound) {
    const NodeEntry& entry = nodes_.entries[bound.node];
    if (entry.grants.size() < bound.count) return std::nullopt;
    bound.priority = entry.priorities.at_least(bound.count - 1);
    if (bound.priority >= victims_.priority()) return std::nullopt;
    bound.first_priority = static_cast<std::uint32_t>(kept_.size());
    for (std::size_t i = bound.count; i-- > 0;) kept_.push_back(entry.priorities.at_least(i));
    return bound;
  }

  /// The bound of a node whose possible victims are of priorities_.
  std::optional<Bound> with_lowest(Bound bound) {
    if (priorities_.size() < bound.count) return std::nullopt;
    std::ranges::sort(priorities_);
    const auto lowest = std::span(priorities_).first(bound.count);
    bound.priority = lowest.back();
    bound.is_exact = true;
    bound.first_priority = static_cast<std::uint32_t>(kept_.size());
    kept_.insert(kept_.end(), lowest.rbegin(), lowest.rend());
    return bound;
  }

  bool takes(const NodeRow& row, std::uint16_t card, const Amounts& room) const {
    const std::uint16_t kind = nodes_.kind[row.first_card + card];
    return accepted_[kind] != 0 && needs_[kind].fits_in(room);
  }

  std::size_t count_fitting(const NodeRow& row) const {
    std::size_t fitting = 0;
    if (row.uniform && !needs_[row.kind].fits_in(row.widest)) return 0;
    for (std::uint16_t card = 0; card < row.cards; ++card)
      fitting += takes(row, card, nodes_.room[row.first_card + card]) ? 1 : 0;
    return fitting;
  }

  /// Whether the end of this one may do; what is counted by name is not looked at, and of requests
  /// that are not simple nothing is known.
  bool is_enough(const NodeRow& row, const GrantEntry& grant, std::size_t fitting) const {
    HostAmounts free = row.free;
    free += grant.host;
    free.pods += 1;
    if (!shape_.host().fits_in(free)) return false;
    if (fitting >= wanted_) return true;
    if (fitting + grant.slices.size() < wanted_) return false;
    for (const CardSlice& slice : grant.slices) {
      const Amounts& room = nodes_.room[row.first_card + slice.card];
      if (!takes(row, slice.card, room) && takes(row, slice.card, room + slice.amounts)) ++fitting;
    }
    return fitting >= wanted_;
  }

  std::size_t victims_for(std::size_t fitting) {
    std::ranges::sort(brought_, std::greater<>());
    std::size_t count = 0;
    for (; count < brought_.size() && fitting < wanted_; ++count) fitting += brought_[count];
    return fitting < wanted_ ? brought_.size() + 1 : count;
  }

  const Index& index_;
  const NodeTable& nodes_;
  const Shape& shape_;
  const Victims& victims_;
  std::size_t wanted_ = 0;                   // devices of a simple demand; 0: another request
  std::vector<std::uint8_t> accepted_ = {};  // by kind
  std::vector<Amounts> needs_ = {};          // by kind
  std::vector<std::size_t> brought_ = {};
  std::vector<std::int32_t> priorities_ = {};
  std::vector<std::int32_t> kept_ = {};  // of the bounds, each from its highest on
};

}  // namespace melon::placement::detail

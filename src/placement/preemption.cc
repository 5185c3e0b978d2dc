// SPDX-License-Identifier: Apache-2.0
// Looks for the fewest grants of lower priority whose end makes room for a request.
#include "placement/preemption.h"

#include <algorithm>
#include <span>
#include <tuple>

#include "placement/detail/lone_node.h"
#include "placement/detail/victims.h"

namespace melon::placement {
namespace {

using detail::Bound;
using detail::Bounds;
using detail::Victims;

struct Found {
  std::vector<const GrantEntry*> victims = {};  // the lowest priority first
  std::uint32_t position = 0;
  std::uint32_t node = 0;
  bool is_least = true;

  bool is_better_than(const Found& other) const {
    if (victims.size() != other.victims.size()) return victims.size() < other.victims.size();
    for (std::size_t i = victims.size(); i-- > 0;)
      if (victims[i]->priority != other.victims[i]->priority)
        return victims[i]->priority < other.victims[i]->priority;
    return position < other.position;
  }
};

/// The best victims of one node, by trying sets of them on a copy of it.
class NodeSearch {
 public:
  NodeSearch(const Index& index, const Shape& shape, const Victims& victims, std::int64_t trials)
      : node_(index), victims_(victims), trials_left_(trials) {
    node_.aim(shape, *find_policy("binpack"));
  }

  /// Sets of at least `least` victims, and at most `most`.
  std::optional<Found> search(const Bound& bound, std::size_t most) {
    node_.look_at(bound.node);
    grants_ = victims_.of(bound.node);
    for (const GrantEntry* const grant : grants_) node_.end(*grant);
    if (!fits()) return std::nullopt;
    std::vector<const GrantEntry*> needed = spare();
    const bool is_allowed = victims_.within_budgets(needed);
    const std::size_t end = std::min(is_allowed ? needed.size() : grants_.size(), most);
    best_.clear();
    for (std::size_t size = bound.count; size <= end && trials_left_ > 0; ++size) {
      // Of as many as are needed another set is better only by lower priorities.
      if (is_allowed && size == needed.size()) best_ = needed;
      if (may_improve(size - 1, size)) choose(grants_.size(), size);
      if (!best_.empty()) break;
    }
    if (best_.empty() && is_allowed) best_ = std::move(needed);
    if (best_.empty()) return std::nullopt;
    return Found{.victims = best_,
                 .position = bound.position,
                 .node = bound.node,
                 .is_least = trials_left_ > 0};
  }

  detail::Layout layout_without(const Found& found) {
    node_.look_at(found.node);
    for (const GrantEntry* const grant : found.victims) node_.end(*grant);
    return node_.layout();
  }

  bool is_exhausted() const { return trials_left_ <= 0; }

 private:
  bool fits() {
    --trials_left_;
    return node_.fits();
  }

  /// With all of them ended: brings back what can be, the highest priority first. None of the rest
  /// can be left out. All are ended again afterwards.
  std::vector<const GrantEntry*> spare() {
    std::vector<const GrantEntry*> needed;
    std::vector<const GrantEntry*> spared;
    for (std::size_t i = grants_.size(); i-- > 0;) {
      node_.bring_back(*grants_[i]);
      if (fits()) {
        spared.push_back(grants_[i]);
        continue;
      }
      node_.end(*grants_[i]);
      needed.insert(needed.begin(), grants_[i]);
    }
    for (const GrantEntry* const grant : spared) node_.end(*grant);
    return needed;
  }

  bool may_add(const GrantEntry* grant) {
    chosen_.push_back(grant);
    if (victims_.within_budgets(chosen_)) return true;
    chosen_.pop_back();
    return false;
  }

  /// Whether what was chosen, this grant, and `count` - 1 before it, which are those of the lowest
  /// priorities there, would be better than the best so far.
  bool may_improve(std::size_t last, std::size_t count) const {
    if (best_.empty()) return true;
    const std::size_t size = chosen_.size() + count;
    for (std::size_t i = 0; i < size; ++i) {
      const GrantEntry* const next = i < chosen_.size()    ? chosen_[i]
                                     : i == chosen_.size() ? grants_[last]
                                                           : grants_[size - 1 - i];
      const std::int32_t best = best_[size - 1 - i]->priority;
      if (next->priority != best) return next->priority < best;
    }
    return false;
  }

  /// Adds `count` of the first `end` grants to those chosen, the largest place first, from the
  /// lowest on, and keeps the best set with which it fits. Before and after, all of the first `end`
  /// are ended.
  void choose(std::size_t end, std::size_t count) {
    const bool is_last = count == 1;
    const std::size_t kept = is_last ? 0 : count;
    for (std::size_t i = kept; i < end; ++i) node_.bring_back(*grants_[i]);
    std::size_t last = count - 1;
    for (; last < end && trials_left_ > 0 && may_improve(last, count); ++last) {
      if (last >= kept) node_.end(*grants_[last]);
      take(last, count);
      if (is_last) node_.bring_back(*grants_[last]);
    }
    for (std::size_t i = is_last ? 0 : std::max(last, kept); i < end; ++i) node_.end(*grants_[i]);
  }

  /// With all before it ended it must fit, or no choice of them does.
  void take(std::size_t last, std::size_t count) {
    if (!fits() || !may_add(grants_[last])) return;
    if (count > 1)
      choose(last, count - 1);
    else
      best_.assign(chosen_.rbegin(), chosen_.rend());
    chosen_.pop_back();
  }

  detail::LoneNode node_;
  const Victims& victims_;
  std::vector<const GrantEntry*> grants_ = {};
  std::vector<const GrantEntry*> chosen_ = {};  // the largest place first
  std::vector<const GrantEntry*> best_ = {};    // the lowest priority first
  std::int64_t trials_left_;
};

/// Goes through the nodes, those of the best bounds first, until none can have better victims.
class Search {
 public:
  Search(const Index& index, const Shape& shape, const Victims& victims,
         std::span<const std::uint32_t> order, std::int64_t trials)
      : bounds_(index, shape, victims),
        nodes_(index, shape, victims, trials),
        rough_(bounds_.by_rows(order)) {}

  std::optional<Found> run() {
    while (const auto bound = next()) {
      if (best_ && !may_beat(*bound)) break;
      if (best_ && nodes_.is_exhausted()) {
        best_->is_least = false;
        break;
      }
      auto found = nodes_.search(*bound, best_ ? best_->victims.size() : ~std::size_t{0});
      if (found && (!best_ || found->is_better_than(*best_))) best_ = std::move(found);
    }
    return best_;
  }

  detail::Layout layout() { return nodes_.layout_without(*best_); }

 private:
  /// Whether a node of which this is known may have better victims than those found.
  bool may_beat(const Bound& bound) const {
    const std::size_t count = best_->victims.size();
    if (bound.count != count) return bound.count < count;
    const auto priorities = bounds_.priorities(bound);
    for (std::size_t i = 0; i < count; ++i)
      if (const std::int32_t found = best_->victims[count - 1 - i]->priority;
          priorities[i] != found)
        return priorities[i] < found;
    return bound.position < best_->position;
  }

  /// The best bound of those that are left, exact as far as can be.
  std::optional<Bound> next() {
    const auto is_later = [this](const Bound& a, const Bound& b) {
      return bounds_.is_better(b, a);
    };
    while (true) {
      refine_rough(is_later);
      if (refined_.empty()) return std::nullopt;
      std::ranges::pop_heap(refined_, is_later);
      const Bound bound = refined_.back();
      refined_.pop_back();
      if (bound.is_exact) return bound;
      if (const auto exact = bounds_.by_grants(bound)) {
        refined_.push_back(*exact);
        std::ranges::push_heap(refined_, is_later);
      }
    }
  }

  /// A rough bound is never above the refined one: while it is below the best of those, what is
  /// behind it may be better still.
  template <class IsLater>
  void refine_rough(IsLater is_later) {
    while (done_ < rough_.size() &&
           (refined_.empty() || rough_[done_].key() < refined_.front().key())) {
      const std::size_t end = std::min(rough_.size(), done_ + batch_);
      bounds_.refine(std::span(rough_).subspan(done_, end - done_), refined_);
      std::ranges::make_heap(refined_, is_later);
      done_ = end;
      batch_ *= 2;
    }
  }

  Bounds bounds_;
  NodeSearch nodes_;
  std::vector<Bound> rough_;
  std::size_t done_ = 0;  // of rough_
  std::size_t batch_ = 16;
  std::vector<Bound> refined_ = {};  // a heap
  std::optional<Found> best_ = {};
};

}  // namespace

std::optional<Preemption> preempt(Engine& engine, const Shape& shape, std::int32_t priority,
                                  const PreemptionOptions& options) {
  if (auto decision = engine.place_or_split(shape, *find_policy("binpack")))
    return Preemption{.node = decision->node, .layout = std::move(decision->layout)};
  const Victims victims(engine.index(), priority, options);
  Search search(engine.index(), shape, victims, engine.in_order(), options.most_trials);
  const auto found = search.run();
  if (!found) return std::nullopt;
  Preemption answer{.node = found->node, .layout = search.layout(), .is_least = found->is_least};
  for (const GrantEntry* const grant : found->victims) answer.victims.push_back(grant->id);
  answer.highest_priority = found->victims.back()->priority;
  return answer;
}

}  // namespace melon::placement

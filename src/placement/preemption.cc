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
      : node_(index, shape), victims_(victims), trials_left_(trials) {}

  /// Sets of at least `least` victims, and at most `most`.
  std::optional<Found> search(const Bound& bound, std::size_t most) {
    node_.look_at(bound.node);
    grants_ = victims_.of(bound.node);
    for (const GrantEntry* const grant : grants_) node_.end(*grant);
    if (!fits()) return std::nullopt;
    std::vector<const GrantEntry*> needed = spare();
    const bool is_allowed = victims_.within_budgets(needed);
    Found found{.position = bound.position, .node = bound.node};
    if (is_allowed && needed.size() <= bound.count) {
      found.victims = std::move(needed);
      return found;
    }
    const std::size_t end = std::min(is_allowed ? needed.size() - 1 : grants_.size(), most);
    for (std::size_t size = bound.count; size <= end && trials_left_ > 0; ++size) {
      chosen_.clear();
      if (!choose(grants_.size(), size)) continue;
      std::ranges::reverse(chosen_);  // the largest was chosen first
      found.victims = chosen_;
      return found;
    }
    // Sets of equally many victims are not searched: of the needed ones the highest priorities
    // were spared, so that none of the same size is lower.
    if (!is_allowed) return std::nullopt;
    found.victims = std::move(needed);
    found.is_least = trials_left_ > 0;
    return found;
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

  /// Adds `count` of the first `end` grants to those chosen, so that it fits; the largest place
  /// first, from the lowest on, which finds the lowest priorities first. Before and after, if it
  /// finds none, all of the first `end` are ended.
  bool choose(std::size_t end, std::size_t count) {
    const bool is_last = count == 1;
    const std::size_t kept = is_last ? 0 : count;
    for (std::size_t i = kept; i < end; ++i) node_.bring_back(*grants_[i]);
    for (std::size_t last = count - 1; last < end && trials_left_ > 0; ++last) {
      if (last >= kept) node_.end(*grants_[last]);
      if (take(last, count)) return true;
      if (is_last) node_.bring_back(*grants_[last]);
    }
    if (is_last) end_first(end);
    return false;
  }

  /// With all before it ended it must fit, or no choice of them does.
  bool take(std::size_t last, std::size_t count) {
    if (!fits() || !may_add(grants_[last])) return false;
    if (count == 1 || choose(last, count - 1)) return true;
    chosen_.pop_back();
    return false;
  }

  void end_first(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) node_.end(*grants_[i]);
  }

  detail::LoneNode node_;
  const Victims& victims_;
  std::vector<const GrantEntry*> grants_ = {};
  std::vector<const GrantEntry*> chosen_ = {};
  std::int64_t trials_left_;
};

/// Whether a node of which this is known may have better victims than those found.
bool may_beat(const Bound& bound, const Found& best) {
  if (bound.count != best.victims.size()) return bound.count < best.victims.size();
  const std::int32_t highest = best.victims.back()->priority;
  if (bound.priority != highest) return bound.priority < highest;
  return best.victims.front()->priority == highest && bound.position < best.position;
}

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
      if (best_ && !may_beat(*bound, *best_)) break;
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
  static bool is_later(const Bound& a, const Bound& b) { return a.key() > b.key(); }

  /// The best bound of those that are left, exact as far as can be.
  std::optional<Bound> next() {
    // A rough bound is never above the exact one: while it is below the best exact one, what
    // is behind it may be better still.
    while (done_ < rough_.size() &&
           (exact_.empty() || rough_[done_].key() < exact_.front().key())) {
      const std::size_t end = std::min(rough_.size(), done_ + batch_);
      bounds_.refine(std::span(rough_).subspan(done_, end - done_), exact_);
      std::ranges::make_heap(exact_, is_later);
      done_ = end;
      batch_ *= 2;
    }
    if (exact_.empty()) return std::nullopt;
    std::ranges::pop_heap(exact_, is_later);
    const Bound bound = exact_.back();
    exact_.pop_back();
    return bound;
  }

  Bounds bounds_;
  NodeSearch nodes_;
  std::vector<Bound> rough_;
  std::size_t done_ = 0;  // of rough_
  std::size_t batch_ = 16;
  std::vector<Bound> exact_ = {};  // a heap
  std::optional<Found> best_ = {};
};

}  // namespace

std::optional<Preemption> preempt(Engine& engine, const Shape& shape, std::int32_t priority,
                                  const PreemptionOptions& options) {
  if (auto decision = engine.place(shape, *find_policy("binpack")))
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

// SPDX-License-Identifier: Apache-2.0
// Looks for the fewest grants of lower priority whose end makes room for a request.
#include "placement/preemption.h"

#include <algorithm>
#include <limits>
#include <span>
#include <tuple>

#include "placement/detail/lone_node.h"
#include "placement/rules.h"

namespace melon::placement {
namespace {

/// No set of victims on a node is better than this.
struct Bound {
  std::size_t count = 1;
  std::int32_t priority = 0;   // of each of them
  std::uint32_t position = 0;  // of the node, in the order of ranks and names
  std::uint32_t node = 0;

  auto key() const { return std::tuple(count, priority, position); }
};

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

/// Which grants a request may end.
class Victims {
 public:
  Victims(const Index& index, std::int32_t priority, const PreemptionOptions& options)
      : index_(index), priority_(priority), options_(options) {}

  bool may_end(const GrantEntry& grant) const {
    return grant.priority < priority_ && (grant.group.empty() || budget(grant.group) > 0);
  }
  std::int64_t budget(const std::string& group) const {
    const auto at = options_.budgets.find(group);
    return at == options_.budgets.end() ? std::numeric_limits<std::int64_t>::max() : at->second;
  }

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
  const PreemptionOptions& options_;
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
    const std::size_t kept = count == 1 ? 0 : count;
    for (std::size_t i = kept; i < end; ++i) node_.bring_back(*grants_[i]);
    for (std::size_t last = count - 1; last < end && trials_left_ > 0; ++last) {
      if (last >= kept) node_.end(*grants_[last]);
      // With all before it ended it must fit, or no choice of them does.
      if (fits() && may_add(grants_[last])) {
        if (count == 1 || choose(last, count - 1)) return true;
        chosen_.pop_back();
      }
      if (count == 1) node_.bring_back(*grants_[last]);
    }
    if (count == 1)
      for (std::size_t i = 0; i < end; ++i) node_.end(*grants_[i]);
    return false;
  }

  detail::LoneNode node_;
  const Victims& victims_;
  std::vector<const GrantEntry*> grants_ = {};
  std::vector<const GrantEntry*> chosen_ = {};
  std::int64_t trials_left_;
};

/// What can be said of every node without trying sets.
class Bounds {
 public:
  Bounds(const Index& index, const Shape& shape, const Victims& victims)
      : index_(index), nodes_(index.nodes()), shape_(shape), victims_(victims) {
    if (!shape.is_simple() || shape.steps().empty()) return;
    const DeviceDemand& demand = shape.steps()[0].demand;
    wanted_ = static_cast<std::size_t>(demand.count);
    for (const detail::DeviceKind& kind : nodes_.kinds) {
      const Amounts amounts = amounts_on(demand, kind.capacity);
      accepted_.push_back(accepts(demand, kind) && amounts.fits_in(kind.capacity));
      needs_.push_back(amounts);
    }
  }

  std::optional<Bound> of(std::uint32_t node, std::uint32_t position) {
    const detail::NodeRow& row = nodes_.rows[node];
    if (!row.open || !passes_rules(node)) return std::nullopt;
    Bound bound{.position = position, .node = node};
    const bool known = wanted_ == 0 ? bound_host(row, bound) : bound_cards(row, bound);
    if (!known) return std::nullopt;
    return bound;
  }

 private:
  bool passes_rules(std::uint32_t node) const {
    const detail::NodeEntry& entry = nodes_.entries[node];
    if (shape_.has_label_rules() && !labels_hold(shape_.request(), entry.labels)) return false;
    return !nodes_.rows[node].tainted || untolerated(shape_.request(), entry.taints) == nullptr;
  }

  /// Nothing is known of how many it takes: one at least.
  bool bound_host(const detail::NodeRow&, Bound& bound) const {
    bool any = false;
    for (const std::uint32_t slot : nodes_.entries[bound.node].grants) {
      const GrantEntry& grant = index_.grant(slot);
      if (!victims_.may_end(grant)) continue;
      bound.priority = any ? std::min(bound.priority, grant.priority) : grant.priority;
      any = true;
    }
    return any;
  }

  bool takes(const detail::NodeRow& row, std::uint16_t card, const Amounts& room) const {
    const std::uint16_t kind = nodes_.kind[row.first_card + card];
    return accepted_[kind] && needs_[kind].fits_in(room);
  }

  /// How many more cards there must be, and how many of them each grant that may end could bring.
  bool bound_cards(const detail::NodeRow& row, Bound& bound) {
    if (row.cards < wanted_ || (row.uniform && !accepted_[row.kind])) return false;
    std::size_t fitting = 0;
    for (std::uint16_t card = 0; card < row.cards; ++card)
      fitting += takes(row, card, nodes_.room[row.first_card + card]) ? 1 : 0;
    brought_.clear();
    bool any = false;
    std::int32_t lowest = 0, lowest_alone = 0;
    bool alone = false;
    for (const std::uint32_t slot : nodes_.entries[bound.node].grants) {
      const GrantEntry& grant = index_.grant(slot);
      if (!victims_.may_end(grant)) continue;
      lowest = any ? std::min(lowest, grant.priority) : grant.priority;
      any = true;
      brought_.push_back(grant.slices.size());
      if (!is_enough(row, grant, fitting)) continue;
      lowest_alone = alone ? std::min(lowest_alone, grant.priority) : grant.priority;
      alone = true;
    }
    bound.priority = alone ? lowest_alone : lowest;
    bound.count = alone ? 1 : std::max<std::size_t>(2, victims_for(fitting));
    return any && bound.count <= brought_.size();
  }

  /// Whether the end of this one may do: for devices and host amounts, what is counted by name
  /// apart.
  bool is_enough(const detail::NodeRow& row, const GrantEntry& grant, std::size_t fitting) const {
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

  /// At least so many: each brings no more cards than it has slices on.
  std::size_t victims_for(std::size_t fitting) {
    std::ranges::sort(brought_, std::greater<>());
    std::size_t count = 0;
    for (; count < brought_.size() && fitting < wanted_; ++count) fitting += brought_[count];
    return count;
  }

  const Index& index_;
  const detail::NodeTable& nodes_;
  const Shape& shape_;
  const Victims& victims_;
  std::size_t wanted_ = 0;           // devices of a simple demand; 0: another request
  std::vector<bool> accepted_ = {};  // by kind
  std::vector<Amounts> needs_ = {};  // by kind
  std::vector<std::size_t> brought_ = {};
};

/// Whether a node of which this is known may have better victims than those found.
bool may_beat(const Bound& bound, const Found& best) {
  if (bound.count != best.victims.size()) return bound.count < best.victims.size();
  const std::int32_t highest = best.victims.back()->priority;
  if (bound.priority != highest) return bound.priority < highest;
  return best.victims.front()->priority == highest && bound.position < best.position;
}

Preemption told(Found found, detail::Layout layout) {
  Preemption answer{.node = found.node, .layout = std::move(layout), .is_least = found.is_least};
  for (const GrantEntry* const grant : found.victims) answer.victims.push_back(grant->id);
  if (!found.victims.empty()) answer.highest_priority = found.victims.back()->priority;
  return answer;
}

}  // namespace

std::optional<Preemption> preempt(Engine& engine, const Shape& shape, std::int32_t priority,
                                  const PreemptionOptions& options) {
  if (auto decision = engine.place(shape, *find_policy("binpack")))
    return Preemption{.node = decision->node, .layout = std::move(decision->layout)};
  const Index& index = engine.index();
  const Victims victims(index, priority, options);
  Bounds bounds(index, shape, victims);
  std::vector<Bound> open;
  std::uint32_t position = 0;
  for (const std::uint32_t node : engine.in_order())
    if (const auto bound = bounds.of(node, position++)) open.push_back(*bound);
  std::ranges::sort(open, {}, &Bound::key);
  NodeSearch search(index, shape, victims, options.most_trials);
  std::optional<Found> best;
  for (const Bound& bound : open) {
    if (best && !may_beat(bound, *best)) break;
    if (best && search.is_exhausted()) {
      best->is_least = false;
      break;
    }
    auto found = search.search(bound, best ? best->victims.size() : ~std::size_t{0});
    if (found && (!best || found->is_better_than(*best))) best = std::move(found);
  }
  if (!best) return std::nullopt;
  detail::Layout layout = search.layout_without(*best);
  return told(std::move(*best), std::move(layout));
}

}  // namespace melon::placement

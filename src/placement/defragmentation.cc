// SPDX-License-Identifier: Apache-2.0
// Looks for moves that free whole devices: tries them on a copy of the cluster on which free
// devices are closed, and makes those that help on another copy, as the cluster would. What can not
// be cleared is told from what can without a change of either copy.
#include "placement/defragmentation.h"

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <span>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "placement/detail/lone_node.h"
#include "placement/rules.h"

namespace melon::placement {
namespace {

/// Newer than every version of a cluster's own.
constexpr std::uint64_t kNewest = ~std::uint64_t{0};
/// What of the effort it takes to try a move for good, beside looking whether it may succeed.
constexpr std::int64_t kTrialEffort = 8;

using Movables = std::unordered_map<std::string, const MovableGrant*>;

/// Who is on which device.
class Users {
 public:
  Users(const Index& index, const std::set<std::string>& closed_nodes)
      : index_(index), closed_nodes_(closed_nodes) {
    const detail::NodeTable& nodes = index.nodes();
    first_.resize(nodes.entries.size());
    std::size_t cards = 0;
    for (std::uint32_t node = 0; node < first_.size(); ++node) {
      first_[node] = cards;
      cards += nodes.entries[node].present ? nodes.rows[node].cards : 0;
    }
    ids_.resize(cards);
    for (std::uint32_t node = 0; node < first_.size(); ++node) {
      if (!nodes.entries[node].present) continue;
      for (const std::uint32_t slot : nodes.entries[node].grants)
        add(node, index.grant(slot).slices, index.grant(slot).id);
    }
  }

  const std::set<std::string>& of(CardPlace place) const {
    return ids_[first_[place.node] + place.card];
  }
  void add(std::uint32_t node, const std::vector<CardSlice>& slices, const std::string& id) {
    for (const CardSlice& slice : slices) ids_[first_[node] + slice.card].insert(id);
  }
  void remove(std::uint32_t node, const std::vector<CardSlice>& slices, const std::string& id) {
    for (const CardSlice& slice : slices) ids_[first_[node] + slice.card].erase(id);
  }

  /// Calls f(place) for every device that somebody may be placed on.
  template <class F>
  void each_usable(F f) const {
    const detail::NodeTable& nodes = index_.nodes();
    for (std::uint32_t node = 0; node < first_.size(); ++node) {
      const detail::NodeRow& row = nodes.rows[node];
      if (!nodes.entries[node].present || !row.open) continue;
      if (closed_nodes_.contains(nodes.entries[node].name)) continue;
      for (std::uint16_t card = 0; card < row.cards; ++card) {
        const detail::CardEntry& entry = nodes.cards_of(row)[card];
        if (entry.healthy && !entry.cordoned) f(CardPlace{node, card});
      }
    }
  }

 private:
  const Index& index_;
  const std::set<std::string>& closed_nodes_;
  std::vector<std::size_t> first_ = {};  // of each node's cards in ids_
  std::vector<std::set<std::string>> ids_ = {};
};

/// In which order devices are cleared, and how what is on them is placed.
struct Way {
  bool fewest_grants_first = true;  // for each device that it frees; else the least booked first
  const char* policy = "binpack";
};

constexpr std::array<Way, 4> kWays = {
    {{true, "binpack"}, {false, "binpack"}, {true, "spread"}, {false, "spread"}}};

/// Ways through the cluster, one after the other; each begins with the cluster as it is.
class Plan {
 public:
  Plan(const Index& index, const Movables& movable, const DefragmentationOptions& options)
      : movable_(movable),
        options_(options),
        users_(index, options.closed_nodes),
        effort_left_(options.most_effort) {
    tried_.index() = index;
    made_.index() = index;
    close_nodes();
    users_.each_usable([&](CardPlace place) {
      if (!users_.of(place).empty()) return;
      tried_.index().set_cordoned(place.node, place.card, true);
      ++free_before_;
    });
  }

  Defragmentation run(const Way& way) {
    way_ = way;
    policy_ = find_policy(way.policy);
    result_ = {.free_before = free_before_, .free_after = free_before_};
    while (clear_some()) {
    }
    Defragmentation found = result_;
    take_back(0);
    for (const CardPlace place : closed_)
      tried_.index().set_cordoned(place.node, place.card, false);
    closed_.clear();
    return found;
  }

 private:
  /// A device that could be cleared. The least is tried first.
  struct Candidate {
    std::int64_t moves_per_device = 0;  // in thousandths
    int booked_milli = 0;
    CardPlace place = {};

    auto key(bool fewest_first) const {
      return fewest_first ? std::tuple<std::int64_t, std::int64_t, CardPlace>(moves_per_device,
                                                                              booked_milli, place)
                          : std::tuple<std::int64_t, std::int64_t, CardPlace>(
                                booked_milli, moves_per_device, place);
    }
  };

  bool may_go_on() const { return result_.moves.size() < options_.most_moves && effort_left_ > 0; }

  bool clear_some() {
    const std::size_t before = result_.moves.size();
    for (const Candidate& candidate : candidates()) {
      if (!may_go_on()) break;
      // What was cleared together with another is free by now, or somebody has come to it.
      if (may_clear(candidate.place)) clear(candidate.place);
    }
    return result_.moves.size() > before;
  }

  bool may_clear(CardPlace place) const {
    const std::set<std::string>& ids = users_.of(place);
    return !ids.empty() && result_.moves.size() + ids.size() <= options_.most_moves &&
           std::ranges::all_of(ids, [this](const std::string& id) {
             return movable_.contains(id) && !moved_.contains(id);
           });
  }

  std::vector<Candidate> candidates() const {
    std::vector<Candidate> found;
    users_.each_usable([&](CardPlace place) {
      if (!may_clear(place)) return;
      const std::set<std::string>& ids = users_.of(place);
      constexpr std::int64_t kThousand = 1000;
      const detail::NodeTable& nodes = made_.index().nodes();
      found.push_back({.moves_per_device =
                           kThousand * std::ssize(ids) / std::ssize(freed_without(place.node, ids)),
                       .booked_milli = 1000 - nodes.milli_of(nodes.rows[place.node])[place.card],
                       .place = place});
    });
    std::ranges::sort(found, {},
                      [this](const Candidate& one) { return one.key(way_.fewest_grants_first); });
    return found;
  }

  /// The devices of a node on which nobody but these is.
  std::vector<std::uint16_t> freed_without(std::uint32_t node,
                                           const std::set<std::string>& ids) const {
    std::set<std::uint16_t> cards;
    for (const std::string& id : ids)
      for (const CardSlice& slice : made_.index().find_grant(id)->slices) cards.insert(slice.card);
    std::vector<std::uint16_t> freed;
    for (const std::uint16_t card : cards)
      if (std::ranges::includes(ids, users_.of({node, card}))) freed.push_back(card);
    return freed;
  }

  void close_nodes() {
    for (const std::string& name : options_.closed_nodes)
      if (const auto node = tried_.index().find_node(name)) {
        NodeSpec spec = tried_.index().node_spec(*node);
        spec.cordoned = true;
        // It was applied before, so nothing is wrong with it.
        static_cast<void>(tried_.index().apply(std::move(spec), kNewest));
      }
  }

  /// Those that the cluster has cordoned stay so.
  void set_closed(std::uint32_t node, const std::vector<std::uint16_t>& cards, bool is_closed) {
    const auto as_made = made_.index().nodes().cards_of(made_.index().nodes().rows[node]);
    for (const std::uint16_t card : cards)
      tried_.index().set_cordoned(node, card, is_closed || as_made[card].cordoned);
  }

  /// Whether each of them by itself has a place beside these devices, be it one that another of
  /// them leaves. Of a device with one grant that is all there is to know; changes nothing.
  bool may_leave(std::uint32_t node, const std::set<std::string>& ids,
                 const std::vector<std::uint16_t>& wanted) {
    return std::ranges::all_of(ids, [&](const std::string& id) {
      --effort_left_;
      const std::shared_ptr<const Shape>& shape = shape_of(id);
      if (tried_.fits_beside(*shape, *policy_, node)) return true;
      if (!labels_hold(shape->request(), tried_.index().nodes().entries[node].labels)) return false;
      tried_node_.aim(*shape, *policy_);
      tried_node_.look_at(node);
      for (const std::uint16_t card : wanted) tried_node_.close(card);
      for (const std::string& other : ids) tried_node_.end(*tried_.index().find_grant(other));
      return tried_node_.fits();
    });
  }

  const std::shared_ptr<const Shape>& shape_of(const std::string& id) {
    std::shared_ptr<const Shape>& known = shapes_[id];
    if (!known) known = tried_.shape(movable_.at(id)->request);
    return known;
  }

  void clear(CardPlace place) {
    const std::set<std::string> ids = users_.of(place);
    const std::vector<std::uint16_t> freed = freed_without(place.node, ids);
    // Where those that are on several devices find no others, they may keep some of them.
    if (clear(place.node, ids, freed) || freed.size() == 1) return;
    clear(place.node, ids, {place.card});
  }

  /// Frees devices of a node of those who are on them, or leaves all as it was.
  bool clear(std::uint32_t node, const std::set<std::string>& ids,
             const std::vector<std::uint16_t>& wanted) {
    if (!may_leave(node, ids, wanted)) return false;
    set_closed(node, wanted, true);
    const std::size_t before = result_.moves.size();
    for (const std::string& id : ids)
      if (!move(id)) {
        take_back(before);
        set_closed(node, wanted, false);
        return false;
      }
    keep_free(node, before);
    return true;
  }

  /// Closes the devices of a node that the moves from that one on left empty, and counts them.
  void keep_free(std::uint32_t node, std::size_t first_move) {
    const auto cards = made_.index().nodes().cards_of(made_.index().nodes().rows[node]);
    std::vector<std::uint16_t> freed;
    for (const Move& one : std::span(result_.moves).subspan(first_move))
      for (const CardSlice& slice : one.left)
        if (users_.of({node, slice.card}).empty()) freed.push_back(slice.card);
    std::ranges::sort(freed);
    freed.erase(std::unique(freed.begin(), freed.end()), freed.end());
    for (const std::uint16_t card : freed) {
      if (!cards[card].cordoned) closed_.push_back({node, card});
      tried_.index().set_cordoned(node, card, true);
      if (!cards[card].healthy || cards[card].cordoned) continue;
      result_.moves.back().frees.push_back({node, card});
      ++result_.free_after;
    }
  }

  /// Places a grant anew on the copy whose free devices are closed, and the same way on the other.
  bool move(const std::string& id) {
    effort_left_ -= kTrialEffort;
    const PodRequest& request = movable_.at(id)->request;
    const GrantEntry before = *made_.index().find_grant(id);
    const std::shared_ptr<const Shape>& shape = shape_of(id);
    tried_.index().release(id);
    auto decision = tried_.place_or_split(*shape, *policy_);
    if (!decision || !make(before, request, *decision)) {
      tried_.index().reserve(before);
      return false;
    }
    tried_.commit(as_held(before), *shape, *decision);
    moved_.emplace(id, before);
    users_.remove(before.node, before.slices, id);
    users_.add(decision->node, decision->layout.booked, id);
    result_.moves.push_back({.id = id,
                             .from = before.node,
                             .left = before.slices,
                             .to = decision->node,
                             .layout = std::move(decision->layout)});
    return true;
  }

  /// Whether the cluster as it is takes the grant there too.
  bool make(const GrantEntry& before, const PodRequest& request, const Decision& decision) {
    if (options_.allows && !options_.allows(before.id, decision)) return false;
    const auto shape = made_.shape(pinned(request, decision));
    made_.index().release(before.id);
    made_node_.aim(*shape, *policy_);
    made_node_.look_at(decision.node);
    if (made_node_.fits()) {
      const Decision found{.node = decision.node, .layout = made_node_.layout()};
      if (is_same(found, decision) && made_.commit(as_held(before), *shape, found)) return true;
    }
    made_.index().reserve(before);
    return false;
  }

  static bool is_same(const Decision& one, const Decision& other) {
    const auto by_card = [](const Decision& decision) {
      std::vector<CardSlice> slices = decision.layout.booked;
      std::ranges::sort(slices, {}, &CardSlice::card);
      return slices;
    };
    return by_card(one) == by_card(other);
  }

  static GrantEntry as_held(const GrantEntry& before) {
    return {.id = before.id, .priority = before.priority, .group = before.group};
  }

  /// The request, for just those devices.
  PodRequest pinned(PodRequest request, const Decision& decision) const {
    const detail::NodeTable& nodes = made_.index().nodes();
    for (std::size_t i = 0; i < request.containers.size(); ++i) {
      std::vector<std::string> uuids;
      for (const detail::ContainerSlice& slice : decision.layout.slices)
        if (slice.container == i)
          uuids.push_back(nodes.cards_of(nodes.rows[decision.node])[slice.card].uuid);
      for (DeviceDemand& demand : request.containers[i].devices) demand.uuids = uuids;
    }
    return request;
  }

  /// The last moves beyond so many, on both copies.
  void take_back(std::size_t count) {
    while (result_.moves.size() > count) {
      Move& move = result_.moves.back();
      users_.remove(move.to, move.layout.booked, move.id);
      users_.add(move.from, move.left, move.id);
      for (Engine* const engine : {&tried_, &made_}) {
        engine->index().release(move.id);
        engine->index().reserve(moved_.at(move.id));
      }
      moved_.erase(move.id);
      result_.moves.pop_back();
    }
  }

  const Movables& movable_;
  const DefragmentationOptions& options_;
  Way way_ = {};
  const Policy* policy_ = nullptr;
  Users users_;
  std::int64_t effort_left_;
  std::int64_t free_before_ = 0;
  Engine tried_;  // free devices are closed
  Engine made_;
  detail::LoneNode tried_node_{tried_.index()};
  detail::LoneNode made_node_{made_.index()};
  std::unordered_map<std::string, std::shared_ptr<const Shape>> shapes_ =
      {};                                                   // by grant, of tried_
  std::vector<CardPlace> closed_ = {};                      // of tried_, since the way began
  std::unordered_map<std::string, GrantEntry> moved_ = {};  // as they were
  Defragmentation result_ = {};
};

bool is_better(const Defragmentation& one, const Defragmentation& other) {
  return std::tuple(-one.free_after, one.moves.size()) <
         std::tuple(-other.free_after, other.moves.size());
}

}  // namespace

Defragmentation defragment(const Index& index, std::span<const MovableGrant> movable,
                           const DefragmentationOptions& options) {
  Movables by_id;
  for (const MovableGrant& one : movable)
    if (index.find_grant(one.id) != nullptr) by_id.emplace(one.id, &one);
  Plan plan(index, by_id, options);
  Defragmentation best = plan.run(kWays.front());
  const bool none_moved = best.moves.empty();
  for (const Way& way : std::span(kWays).subspan(1)) {
    // Where no device can be cleared the order in which they are tried is no matter.
    if (none_moved && way.fewest_grants_first != kWays.front().fewest_grants_first) continue;
    Defragmentation found = plan.run(way);
    if (is_better(found, best)) best = std::move(found);
  }
  return best;
}

}  // namespace melon::placement

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "placement/detail/node_table.h"
#include "placement/detail/splitter.h"
#include "placement/fragmentation.h"
#include "placement/index.h"
#include "placement/policy.h"
#include "placement/shape.h"

namespace melon::placement::detail {

/// What one container gets on one card.
struct ContainerSlice {
  std::uint16_t container = 0;
  std::uint16_t card = 0;
  Amounts amounts = {};
};

/// How a request would lie on one node.
struct Layout {
  std::vector<ContainerSlice> slices = {};  // by container
  std::vector<CardSlice> booked = {};       // by card: the peak over the pod's life
};

/// Whether a shape fits a node, how much a policy likes it there, and on which cards.
///
/// A single demand takes the first cards of the policy's order that have room. Several are searched
/// for by backtracking, so that what fits is found; the search gives up after kMostSteps, which 64
/// slices on 16 cards do not reach in practice. Quotas are part of both: a slice that alone is more
/// than they leave is not taken, and what several take is summed as they are chosen.
/// Keeps scratch between calls: one thread.
class Scorer {
 public:
  static constexpr int kMostSteps = 20'000;

  explicit Scorer(const NodeTable& nodes) : nodes_(nodes) {}

  /// Needed by policies that use a gain; not owned.
  void measure_with(const Fragmentation& measure) { measure_ = &measure; }

  /// Names what is asked from now on.
  void aim(const Shape& shape, const Policy& policy);
  /// Chance for the next calls of score(), for policies that draw cards; may be empty.
  void draw_with(Draw draw) { draw_ = std::move(draw); }
  /// Whether the node may fit, by what is read fastest: false is certain.
  bool may_fit(std::uint32_t node) {
    const NodeRow& row = nodes_.rows[node];
    if (!row.open || !shape_->host().fits_in(row.free)) return false;
    if (!is_simple_ || !row.uniform || shape_->steps().empty()) return true;
    if (row.cards == 0) return false;
    const Need& one = need(0, row.kind);
    return one.accepted && one.free.fits_in(row.widest);
  }
  /// Asks for the memory that score() will read of a node that may fit.
  void fetch(std::uint32_t node) const;
  /// The merit of a node, or kUnfit. `before` is its measure, where the policy uses a gain. Fills
  /// `layout` if it is not null.
  Merit score(std::uint32_t node, std::int64_t before, Layout* layout);
  /// As score(), for a shape that may_split() over the free parts of the node's cards.
  Merit score_split(std::uint32_t node, std::int64_t before, Layout* layout);

 private:
  /// What the demand of a step takes of a card of one kind.
  struct Need {
    Amounts amounts = {};
    Amounts free = {};  // what there must be for them to be taken: free_on()
    bool accepted = false;
    const std::vector<std::int32_t>* places = nullptr;  // of a card that is cut
  };
  struct Load {  // of one card by the request itself
    Amounts sidecars = {}, apps = {}, init = {}, most = {};
    std::size_t init_container = 0;  // whose amounts `init` holds
  };
  struct Choice {
    std::size_t step = 0;
    std::uint16_t card = 0;
    std::int16_t group = -1;  // of links or NUMA, where the demand binds to one
    std::int32_t places = 0;  // of a card that is cut
  };

  /// What is worked out of a shape once for every kind of device.
  struct Prepared {
    std::uint64_t shape_id = 0;
    std::vector<std::vector<Need>> needs = {};  // by step and kind
  };
  static constexpr std::size_t kPrepared = 256;

  Need need_of(std::size_t step, std::uint16_t kind) const;
  const Need& need(std::size_t step, std::uint16_t kind) {
    std::vector<Need>& known = prepared_->needs[step];
    while (known.size() <= kind)
      known.push_back(need_of(step, static_cast<std::uint16_t>(known.size())));
    return known[kind];
  }
  CardMask candidates(const NodeRow& row) const;
  bool passes_rules(std::uint32_t node) const;
  Merit score_simple(std::uint32_t node, std::int64_t before, Layout* layout);
  Merit try_each_card(Trial& trial, std::int64_t before, std::uint16_t& chosen);
  void list_cards(const NodeRow& row);
  bool choose_cards(const NodeRow& row, bool in_order);
  std::int16_t milli_after(const NodeRow& row, std::size_t card, const Amounts& taken) const;
  int gain_percent(const NodeRow& row, std::int64_t gain, std::int64_t price) const;
  void tell(Layout& layout) const;
  Merit judge(Trial& trial, const NodeRow& row, std::int64_t before,
              const std::vector<CardSlice>& booked);
  Merit score_general(std::uint32_t node, std::int64_t before, Layout* layout);
  bool take_card(const NodeRow& row, std::size_t step, int taken, std::uint16_t card);
  bool take_slice(const NodeRow& row, const Choice& choice, int taken, const Amounts& amounts,
                  const Amounts& beside);
  bool take_places(const NodeRow& row, const Choice& choice, int taken);
  bool search(const NodeRow& row, std::size_t step, int taken);
  bool search_cards(const NodeRow& row, std::size_t step, int taken);
  bool search_sets(const NodeRow& row, std::size_t step, vendors::PickerKind kind);
  bool take_set(const NodeRow& row, std::size_t step, std::span<const std::uint16_t> set);
  bool could_take(const NodeRow& row, std::size_t step, std::uint16_t card);
  bool may_take(const NodeRow& row, std::size_t step, std::uint16_t card) const;
  bool keeps_rules(const NodeRow& row, std::size_t step, std::uint16_t card) const;
  std::uint32_t node_of(const NodeRow& row) const {
    return static_cast<std::uint32_t>(&row - nodes_.rows.data());
  }
  std::int16_t group_of(const NodeRow& row, std::size_t step, std::uint16_t card) const;
  bool add(Load& load, std::size_t step, const Amounts& amounts, const Amounts& beside,
           const Amounts& room) const;
  bool is_within_quotas(const NodeRow& row) const;
  void sort_cards(const NodeRow& row);
  void sort_by_weights(const NodeRow& row);
  void sort_by_what_is_left(const NodeRow& row);

  const NodeTable& nodes_;
  const Fragmentation* measure_ = nullptr;
  const Shape* shape_ = nullptr;
  const Policy* policy_ = nullptr;
  bool is_simple_ = false;
  std::array<bool, kFirstExtra> asks_for_{};  // by a simple demand: some of this dimension
  Prepared* prepared_ = nullptr;
  std::vector<Prepared> prepared_shapes_ = std::vector<Prepared>(kPrepared);
  std::vector<std::uint16_t> cards_;  // chosen, or in the policy's order
  std::vector<CardSlice> booked_;
  std::vector<std::int16_t> after_;  // milli of the cards
  std::vector<Load> loads_;
  std::vector<Choice> choices_;
  int steps_left_ = 0;
  Draw draw_ = {};
  std::optional<Splitter> splitter_ = {};  // of the shape, once it is asked for
};

}  // namespace melon::placement::detail

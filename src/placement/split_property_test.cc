// SPDX-License-Identifier: Apache-2.0
// Laws of one demand over the free parts of several cards, against all ways to cut it.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <optional>

#include "placement/engine.h"

namespace melon::placement {
namespace {

constexpr int kAll = 20;  // memory and compute of a card

int any(int least, int below) { return *rc::gen::inRange(least, below); }

/// The fewest pieces of at least `least` that make `wanted`, by trying every amount on every card.
std::optional<int> fewest_pieces(const std::vector<int>& most, std::size_t card, int least,
                                 int wanted) {
  if (wanted == 0) return 0;
  if (card == most.size()) return std::nullopt;
  auto fewest = fewest_pieces(most, card + 1, least, wanted);
  for (int amount = least; amount <= std::min(most[card], wanted); ++amount)
    if (const auto rest = fewest_pieces(most, card + 1, least, wanted - amount))
      fewest = std::min(fewest.value_or(*rest + 1), *rest + 1);
  return fewest;
}

struct Cluster {
  Engine engine;
  std::vector<Amounts> room;

  Cluster() {
    NodeSpec node{.name = "n", .capacity = {.pods = 99}};
    GrantSpec grant{.id = "g", .node = "n"};
    const int cards = any(2, 6);
    for (int card = 0; card < cards; ++card) {
      node.devices.push_back({.uuid = std::to_string(card),
                              .vendor = "acme",
                              .type = "A",
                              .index = card,
                              .capacity = {{2, kAll, kAll}}});
      const Amounts taken = {
          {any(0, 6) == 0 ? 2 : 0, any(kAll / 2, kAll + 1), any(kAll / 2, kAll)}};
      grant.slices.push_back({.uuid = std::to_string(card), .amounts = taken});
      room.push_back(node.devices.back().capacity - taken);
    }
    RC_ASSERT(engine.index().apply(node, 1).has_value());
    RC_ASSERT(engine.index().apply(grant, 1).has_value());
  }

  /// The largest piece for which each card has room.
  std::vector<int> most(const DeviceDemand& demand) const {
    std::vector<int> pieces;
    for (const Amounts& one : room) {
      int piece = one[kSlots] > 0 ? one[kMemory] : 0;
      if (demand.each[kCompute] > 0) piece = std::min(piece, one[kCompute]);
      if (demand.needs_compute_left && one[kCompute] == 0) piece = 0;
      pieces.push_back(piece);
    }
    return pieces;
  }
};

RC_GTEST_PROP(SplitLaws, AsFewPiecesAsThereCanBeOrNone, ()) {
  Cluster cluster;
  const int wanted = any(kAll / 4, kAll + 1);
  DeviceDemand demand{.each = {{1, wanted}}};
  // The same share of memory and compute, so that a piece is as much of both.
  if (any(0, 2) == 0) demand.each[kCompute] = wanted;
  demand.needs_compute_left = demand.each[kCompute] == 0 && any(0, 2) == 0;
  PodRequest request{.split = SplitRule{.most_pieces = any(1, 6),
                                        .least_permille = *rc::gen::element(1, 100, 200, 300)}};
  request.containers.push_back({.devices = {demand}});
  const int least = std::max(1, kAll * request.split->least_permille / 1000);
  const auto most = cluster.most(demand);
  auto fewest = fewest_pieces(most, 0, least, wanted);
  if (fewest && *fewest > request.split->most_pieces) fewest.reset();
  if (std::ranges::any_of(most, [wanted](int piece) { return piece >= wanted; })) fewest = 1;
  const auto all = policies();
  const Policy& drawn = all[static_cast<std::size_t>(any(0, static_cast<int>(all.size())))];
  // A policy that takes unused cards alone leaves free what would fit: all of these are in use.
  const Policy& policy = drawn.unused_only ? *find_policy("numa") : drawn;
  const auto decision = cluster.engine.place_or_split(*cluster.engine.shape(request), policy);
  RC_CLASSIFY(fewest.value_or(0) > 1, "split");
  RC_ASSERT(decision.has_value() == fewest.has_value());
  if (!decision) return;
  RC_ASSERT(static_cast<int>(decision->layout.booked.size()) == *fewest);
  int sum = 0;
  for (const CardSlice& slice : decision->layout.booked) {
    RC_ASSERT(slice.amounts.fits_in(cluster.room[slice.card]));
    RC_ASSERT(*fewest == 1 || slice.amounts[kMemory] >= least);
    sum += slice.amounts[kMemory];
  }
  RC_ASSERT(sum == wanted);
}

}  // namespace
}  // namespace melon::placement

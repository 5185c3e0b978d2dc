// SPDX-License-Identifier: Apache-2.0
// Choosing several devices: the acceptance rows that concern it, by their ids.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>
#include <set>

#include "placement/pickers/groups.h"
#include "placement/pickers/links.h"
#include "placement/pickers/runs.h"
#include "placement/pickers/wings.h"

namespace melon::placement::pickers {
namespace {

using Indices = std::vector<std::size_t>;

vendors::Picker kunlunxin() {
  return {.kind = vendors::PickerKind::kWings,
          .wing_size = 4,
          .quads = {
              {0, 1, 4, 5}, {2, 3, 6, 7}, {0, 2, 4, 6}, {1, 3, 5, 7}, {0, 3, 4, 7}, {1, 2, 5, 6}}};
}

FreeByIndex free_of(std::size_t total, const std::set<std::size_t>& indices) {
  FreeByIndex free(total, false);
  for (const std::size_t index : indices) free[index] = true;
  return free;
}

std::optional<Indices> on_wings(const std::set<std::size_t>& free, std::size_t count) {
  return pick_on_wings(free_of(8, free), count, kunlunxin());
}

TEST(BiggestGroup, AscendAndVastaiRows) {
  // A6: cards 7 down to 2, the upper four in network 1.
  const std::vector<std::int64_t> networks = {1, 1, 1, 1, 0, 0};
  EXPECT_EQ(biggest_group(networks, 4), (Picks{0, 1, 2, 3}));
  EXPECT_EQ(biggest_group(networks, 1), (Picks{0}));
  EXPECT_EQ(biggest_group(networks, 6), (Picks{0, 1, 2, 3, 4, 5})) << "spills over";
  // V2: die 3 of card 0 and all of card 1.
  const std::vector<std::int64_t> two_cards = {0, 1, 1, 1, 1};
  EXPECT_EQ(biggest_group(two_cards, 2), (Picks{1, 2}));
  // V3: four dies of one card, two of the other.
  const std::vector<std::int64_t> dies = {1, 1, 1, 0, 0, 0, 0};
  EXPECT_EQ(biggest_group(dies, 6), (Picks{3, 4, 5, 6, 0, 1}));
  // Without groups the walk order stands, and a group goes before the rest.
  const std::vector<std::int64_t> none = {kNoGroup, kNoGroup, kNoGroup, 5};
  EXPECT_EQ(biggest_group(none, 2), (Picks{3, 0}));
  EXPECT_EQ(biggest_group({}, 1), Picks{});
}

TEST(FullPairs, AscendRows) {
  const std::vector<std::int64_t> die_1_busy = {3, 2, 0};
  EXPECT_EQ(full_pairs(die_1_busy, 2), (Picks{1, 0})) << "A5: dies 2 and 3";
  EXPECT_EQ(full_pairs(die_1_busy, 4).size(), 2U) << "A5: two of four";
}

TEST(ZoneBestFit, MetaxRows) {
  // X6: zone 1 has four idle devices, zone 2 two.
  const std::vector<std::int64_t> zones = {1, 1, 2, 1, 2, 1};
  EXPECT_EQ(zone_best_fit(zones, 2), (Picks{2, 4}));
  EXPECT_EQ(zone_best_fit(zones, 3), (Picks{0, 1, 3}));
  EXPECT_EQ(zone_best_fit(zones, 5), (Picks{2, 4, 0, 1, 3})) << "smallest zones first";
  const std::vector<std::int64_t> with_rest = {0, 0, 0, 3};
  EXPECT_EQ(zone_best_fit(with_rest, 2), (Picks{3, 0})) << "what has no zone comes last";
}

TEST(Runs, NeuronRows) {
  constexpr std::int64_t kCounts[] = {1, 4, 8, 16};
  const FreeByIndex inf2 = free_of(6, {0, 2, 3, 4, 5});
  EXPECT_EQ(ring_run(inf2, 3, true), 2U) << "W5: {2,3,4}";
  const FreeByIndex wrapping = free_of(6, {0, 1, 5});
  EXPECT_EQ(ring_run(wrapping, 3, true), 5U) << "0 follows the last";
  EXPECT_EQ(ring_run(wrapping, 3, false), std::nullopt) << "compatible";
  EXPECT_EQ(ring_run(free_of(4, {0, 1, 2, 3}), 4, true), 0U);
  EXPECT_EQ(ring_run(wrapping, 7, true), std::nullopt);
  FreeByIndex trn1(16, true);
  EXPECT_EQ(aligned_run(trn1, 2, kCounts), std::nullopt) << "W6";
  trn1[2] = false;
  EXPECT_EQ(aligned_run(trn1, 4, kCounts), 4U) << "W6: {4,5,6,7}";
  EXPECT_EQ(aligned_run(trn1, 16, kCounts), std::nullopt) << "W7";
  EXPECT_EQ(aligned_run(trn1, 0, kCounts), std::nullopt);
}

TEST(Wings, KunlunxinRows) {
  EXPECT_EQ(on_wings({0, 4, 5, 6}, 1), (Indices{0})) << "K1";
  EXPECT_EQ(on_wings({0, 1, 2, 3, 6, 7}, 2), (Indices{6, 7})) << "K2";
  EXPECT_EQ(on_wings({1, 5}, 2), (Indices{1, 5})) << "K3";
  EXPECT_EQ(on_wings({1, 6}, 2), std::nullopt) << "K3";
  EXPECT_EQ(on_wings({0, 1, 4, 5, 6}, 4), (Indices{0, 1, 4, 5})) << "K4";
  EXPECT_EQ(on_wings({0, 1, 2, 4, 5, 6}, 4), (Indices{0, 1, 4, 5})) << "K4: leaves 2 and 6";
  EXPECT_EQ(on_wings({0, 1, 2, 3, 4, 5, 6}, 8), std::nullopt) << "K5";
  EXPECT_EQ(on_wings({0, 1, 2, 3, 4, 5, 6, 7}, 8), (Indices{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(on_wings({0, 1, 4, 5, 6}, 1), (Indices{4})) << "three free before two";
  EXPECT_EQ(pick_on_wings(FreeByIndex(4, true), 1, kunlunxin()), std::nullopt) << "four-card host";
}

TEST(BestLinked, ContractRows) {
  LinkMatrix three(3);
  three.say(0, 1, 100);
  three.say(0, 2, 200);
  three.say(1, 2, 150);
  EXPECT_EQ(best_linked(three, 1), (Picks{1})) << "T74: sum 250 is lowest";
  EXPECT_EQ(best_linked(three, 2), (Picks{0, 2})) << "T74";

  LinkMatrix six(6);  // a to f
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t j = i + 1; j < 6; ++j) six.say(i, j, j == 5 && (i == 0 || i == 2) ? 100 : 1);
  EXPECT_EQ(best_linked(six, 3), (Picks{0, 2, 5})) << "T75: f, c and a";
  LinkMatrix lonely(6);
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t j = i + 1; j < 6; ++j) lonely.say(i, j, j == 5 ? 1 : 100);
  EXPECT_EQ(best_linked(lonely, 1), (Picks{5})) << "T75: f";

  LinkMatrix nvlink(4);
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = i + 1; j < 4; ++j) nvlink.say(i, j, i == 0 && j == 1 ? 240 : 20);
  EXPECT_EQ(best_linked(nvlink, 2), (Picks{0, 1})) << "N12";
  EXPECT_EQ(best_linked(nvlink, 1), (Picks{2})) << "N12";
  EXPECT_EQ(best_linked(nvlink, 5), Picks{});
}

TEST(BestLinked, EndsThatDisagreeAreNotLinked) {
  LinkMatrix links(2);
  links.say(0, 1, 100);
  EXPECT_EQ(links.at(1, 0), 100);
  links.say(1, 0, 50);
  EXPECT_EQ(links.at(0, 1), 0);
}

TEST(BestLinked, ManyDevicesGrowFromTheBestPair) {
  LinkMatrix links(40);
  for (std::size_t i = 0; i < 40; ++i)
    for (std::size_t j = i + 1; j < 40; ++j) links.say(i, j, i >= 30 ? 10 : 1);
  Picks last(10);
  std::iota(last.begin(), last.end(), std::size_t{30});
  EXPECT_EQ(best_linked(links, 10), last);
}

TEST(Sets, InLexicalOrder) {
  std::vector<Picks> sets;
  for_each_set(4, 3, [&](const Picks& picks) {
    sets.push_back(picks);
    return true;
  });
  EXPECT_EQ(sets, (std::vector<Picks>{{0, 1, 2}, {0, 1, 3}, {0, 2, 3}, {1, 2, 3}})) << "T78";
}

RC_GTEST_PROP(BiggestGroup, TakesEachOnceAndAsManyAsThereAre,
              (const std::vector<bool>& groups, std::uint8_t count)) {
  const std::vector<std::int64_t> ids(groups.begin(), groups.end());
  const Picks picks = biggest_group(ids, count);
  RC_ASSERT(picks.size() == std::min<std::size_t>(count, ids.size()));
  RC_ASSERT(std::set<std::size_t>(picks.begin(), picks.end()).size() == picks.size());
}

RC_GTEST_PROP(Wings, AnswersAreFreeAndComplete, (std::uint8_t free_bits)) {
  std::set<std::size_t> free;
  for (std::size_t i = 0; i < 8; ++i)
    if ((free_bits >> i & 1) != 0) free.insert(i);
  for (const std::size_t count : {1U, 2U, 4U, 8U}) {
    const auto picks = on_wings(free, count);
    if (!picks) continue;
    RC_ASSERT(picks->size() == count);
    for (const std::size_t pick : *picks) RC_ASSERT(free.contains(pick));
  }
  RC_ASSERT(on_wings(free, 1).has_value() == !free.empty());
}

}  // namespace
}  // namespace melon::placement::pickers

// SPDX-License-Identifier: Apache-2.0
// Profiles of partitions: the acceptance rows that concern them, by their ids; never two on one
// place.
#include "placement/pickers/partitions.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace melon::placement::pickers {
namespace {

using vendors::PartitionTable;

PartitionTable nvidia(std::initializer_list<std::int64_t> memory, std::int64_t units,
                      std::initializer_list<std::int64_t> compute) {
  // 1g, 1g with double memory, 2g, 3g, 4g, 7g.
  const std::vector<std::int64_t> mib(memory);
  const std::vector<std::int64_t> sm(compute);
  return {.models = {"X"},
          .compute_units = units,
          .profiles = {{"1g", MiB(mib[0]), sm[0], 1, 1, {0, 1, 2, 3, 4, 5, 6}, 7},
                       {"1gd", MiB(mib[1]), sm[1], 1, 2, {0, 2, 4, 6}, 4},
                       {"2g", MiB(mib[2]), sm[2], 2, 2, {0, 2, 4}, 3},
                       {"3g", MiB(mib[3]), sm[3], 3, 4, {0, 4}, 2},
                       {"4g", MiB(mib[4]), sm[4], 4, 4, {0}, 1},
                       {"7g", MiB(mib[5]), sm[5], 7, 8, {0}, 1}}};
}

PartitionTable a100() {
  return nvidia({9856, 19968, 19968, 40192, 40192, 80384}, 98, {14, 14, 28, 42, 56, 98});
}
PartitionTable h200() {
  return nvidia({16384, 33024, 33024, 71168, 71168, 143104}, 132, {16, 26, 32, 60, 64, 132});
}

/// An S60: no limit but places.
PartitionTable enflame() {
  return {.models = {"S60"},
          .compute_units = 6,
          .profiles = {{"1g.8gb", MiB(8192), 1, 1, 1, {0, 1, 2, 3, 4, 5}},
                       {"2g.16gb", MiB(16384), 2, 2, 2, {0, 1, 2, 3, 4}},
                       {"3g.24gb", MiB(24576), 3, 3, 3, {0, 1, 2, 3}},
                       {"6g.48gb", MiB(49152), 6, 6, 6, {0}}}};
}

const std::vector<std::string> kAllowed = {"1g", "2g", "3g", "7g"};

/// "3g@4", or "no" where nothing fits.
std::string place(const PartitionTable& table, std::vector<PlacedProfile>& placed,
                  const PartitionDemand& demand) {
  const auto profile = smallest_profile(table, demand, kAllowed);
  const auto start = profile ? free_start(table, placed, *profile) : std::nullopt;
  if (!start) return "no";
  placed.push_back({*profile, *start});
  return table.profiles[*profile].name + "@" + std::to_string(*start);
}

TEST(Partitions, NvidiaRows) {
  std::vector<PlacedProfile> placed;
  EXPECT_EQ(place(a100(), placed, {.memory = MiB(30000)}), "3g@4") << "N7";
  EXPECT_EQ(place(a100(), placed, {.memory = MiB(8000)}), "1g@3") << "N7";
  EXPECT_EQ(place(a100(), placed, {.memory = MiB(15000)}), "2g@0") << "N7";
  EXPECT_EQ(place(a100(), placed, {.memory = MiB(15000)}), "no") << "N7";
  std::int64_t percent = 0;
  for (const PlacedProfile& one : placed) percent += compute_percent(a100(), one.profile);
  EXPECT_EQ(percent, 87) << "N7";
  std::vector<PlacedProfile> on_h200;
  EXPECT_EQ(place(h200(), on_h200, {.memory = MiB(16000)}), "1g@6") << "N8";
  EXPECT_EQ(place(h200(), on_h200, {.memory = MiB(17000)}), "2g@0") << "N8";
  EXPECT_EQ(smallest_profile(h200(), {.memory = MiB(17000)}), 1U) << "N8: fewer slices win";
}

TEST(Partitions, EnflameRows) {
  EXPECT_EQ(smallest_profile(enflame(), {.slices = 1}), 0U) << "E1";
  EXPECT_EQ(compute_percent(enflame(), 0), 17) << "E1";
  EXPECT_EQ(smallest_profile(enflame(), {.memory = MiB(20480)}), 2U) << "E2";
  EXPECT_EQ(compute_percent(enflame(), 2), 50) << "E2";
  EXPECT_EQ(smallest_profile(enflame(), {.compute_percent = 60}), 3U) << "E4";
  EXPECT_EQ(smallest_profile(enflame(), {.slices = 4}), std::nullopt) << "E5";
  const std::vector<std::size_t> six(6, 0);
  EXPECT_TRUE(place_all(enflame(), {}, six)) << "E6: slices are counted, not percent";
  const std::vector<PlacedProfile> half = {{2, 0}};
  EXPECT_EQ(free_start(enflame(), half, 3), std::nullopt) << "E7";
}

TEST(Partitions, SearchFindsWhatGreedyMisses) {
  // 1g takes a high place, so that 2g and 3g still fit, in whatever order they come.
  const std::vector<std::size_t> mixed = {0, 0, 2, 3};
  const auto placed = place_all(a100(), {}, mixed);
  ASSERT_TRUE(placed);
  EXPECT_EQ((*placed)[3].profile, 3U) << "answers stand in the order of the question";
  const std::vector<std::size_t> too_much = {3, 3, 0};
  EXPECT_FALSE(place_all(a100(), {}, too_much)) << "all places are taken";
}

TEST(Partitions, TablesGoByWholeWords) {
  const std::vector<PartitionTable> tables = {
      {.models = {"H20"}}, {.models = {"H200"}}, {.models = {"A100-SXM4-40GB"}}};
  EXPECT_EQ(find_table(tables, "NVIDIA H200"), &tables[1]) << "not H20";
  EXPECT_EQ(find_table(tables, "NVIDIA-NVIDIA A100-SXM4-40GB"), &tables[2]) << "T85";
  EXPECT_EQ(find_table(tables, "NVIDIA B200"), nullptr) << "T85";
}

RC_GTEST_PROP(Partitions, NeverOverlapNorExceed, (const std::vector<std::uint8_t>& wanted)) {
  const PartitionTable table = a100();
  std::vector<PlacedProfile> placed;
  std::int64_t slices = 0;
  for (const std::uint8_t want : wanted) {
    const std::size_t profile = want % table.profiles.size();
    const auto start = free_start(table, placed, profile);
    if (!start) continue;
    for (const PlacedProfile& one : placed) {
      const auto& other = table.profiles[one.profile];
      RC_ASSERT(*start >= one.start + other.size ||
                one.start >= *start + table.profiles[profile].size);
    }
    placed.push_back({profile, *start});
    slices += table.profiles[profile].slices;
  }
  RC_ASSERT(slices <= 7);
}

}  // namespace
}  // namespace melon::placement::pickers

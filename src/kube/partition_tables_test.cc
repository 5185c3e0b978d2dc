// SPDX-License-Identifier: Apache-2.0
// How the cards of the built-in descriptors can be cut in hardware: every model's profiles, and
// packing of one card against a search of all that is possible.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <bit>
#include <charconv>

#include "config/descriptors.h"
#include "placement/pickers/partitions.h"

namespace melon::kube {
namespace {

using placement::pickers::free_start;
using placement::pickers::PlacedProfile;
using placement::pickers::smallest_profile;
using vendors::PartitionProfile;
using vendors::PartitionTable;

std::vector<PartitionTable> built_in_tables() {
  std::vector<PartitionTable> tables;
  const auto descriptors = config::load_descriptors("").value();
  for (const vendors::Descriptor& descriptor : descriptors)
    for (const vendors::Backend& backend : descriptor.backends)
      tables.insert(tables.end(), backend.partitions.begin(), backend.partitions.end());
  return tables;
}

const std::vector<PartitionTable>& tables() {
  static const auto kTables = built_in_tables();
  return kTables;
}

std::string names_of(const PartitionTable& table) {
  std::string names;
  for (const PartitionProfile& profile : table.profiles)
    names += (names.empty() ? "" : " ") + profile.name;
  return names;
}

/// A card as its driver names it, what it can be cut into, and the slice for a demand of memory
/// that is the nominal size of the smallest: names promise more than slices have.
struct Card {
  std::string_view type;
  std::string_view profiles;
  std::int64_t ask_mib;
  std::string_view gets;
};

constexpr Card kCards[] = {
    {"NVIDIA A30", "1g.6gb 2g.12gb 4g.24gb", 6144, "2g.12gb"},
    {"NVIDIA A100-SXM4-40GB", "1g.5gb 1g.10gb 2g.10gb 3g.20gb 4g.20gb 7g.40gb", 5000, "1g.10gb"},
    {"NVIDIA A100 80GB PCIe", "1g.10gb 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.79gb", 9856, "1g.10gb"},
    {"NVIDIA H100 80GB HBM3", "1g.10gb 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb", 10240, "1g.20gb"},
    {"NVIDIA H100 NVL", "1g.12gb 1g.24gb 2g.24gb 3g.47gb 4g.47gb 7g.94gb", 11008, "1g.12gb"},
    {"NVIDIA GH200 480GB", "1g.12gb 1g.24gb 2g.24gb 3g.48gb 4g.48gb 7g.96gb", 11264, "1g.12gb"},
    {"NVIDIA H20", "1g.12gb 1g.24gb 2g.24gb 3g.48gb 4g.48gb 7g.96gb", 12288, "1g.24gb"},
    {"NVIDIA H20-3e", "1g.18gb 1g.35gb 2g.35gb 3g.71gb 4g.71gb 7g.141gb", 16384, "1g.18gb"},
    {"NVIDIA H200", "1g.18gb 1g.35gb 2g.35gb 3g.71gb 4g.71gb 7g.141gb", 18000, "1g.35gb"},
    {"NVIDIA GH200 144G HBM3e", "1g.18gb 1g.36gb 2g.36gb 3g.72gb 4g.72gb 7g.144gb", 17920,
     "1g.18gb"},
    {"NVIDIA B200", "1g.23gb 1g.45gb 2g.45gb 3g.90gb 4g.90gb 7g.180gb", 23000, "1g.45gb"},
    {"NVIDIA GB200", "1g.23gb 1g.47gb 2g.47gb 3g.93gb 4g.93gb 7g.186gb", 20000, "1g.23gb"},
    {"NVIDIA RTX PRO 6000 Blackwell Server Edition", "1g.24gb 2g.48gb 4g.96gb", 24000, "2g.48gb"},
};

TEST(PartitionTables, EveryCardHasItsProfiles) {
  for (const Card& card : kCards) {
    const PartitionTable* const table = placement::pickers::find_table(tables(), card.type);
    ASSERT_NE(table, nullptr) << card.type;
    EXPECT_EQ(names_of(*table), card.profiles) << card.type;
    const auto found = smallest_profile(*table, {.memory = MiB(card.ask_mib)});
    ASSERT_TRUE(found) << card.type;
    EXPECT_EQ(table->profiles[*found].name, card.gets) << card.type;
  }
  EXPECT_EQ(placement::pickers::find_table(tables(), "NVIDIA T4"), nullptr);
}

/// "2g.24gb" is 2 slices and nominally 24 GiB.
std::int64_t number_before(std::string_view name, std::string_view unit) {
  const std::size_t end = name.find(unit);
  const std::size_t begin = unit == "g" ? 0 : name.find('.') + 1;
  std::int64_t number = 0;
  std::from_chars(name.data() + begin, name.data() + end, number);
  return number;
}

TEST(PartitionTables, ProfilesKeepWhatTheirNamesSayAndComeAsOftenAsTheyMay) {
  constexpr std::int64_t kMibOfGib = 1024;
  for (const PartitionTable& table : tables()) {
    for (std::size_t i = 0; i < table.profiles.size(); ++i) {
      const PartitionProfile& profile = table.profiles[i];
      SCOPED_TRACE(table.models.front() + " " + profile.name);
      EXPECT_EQ(profile.slices, number_before(profile.name, "g"));
      const std::int64_t nominal = number_before(profile.name, "gb") * kMibOfGib;
      EXPECT_LE(profile.memory.count(), nominal);
      EXPECT_GE(profile.memory.count(), nominal * 8 / 10);
      std::vector<PlacedProfile> placed;
      while (const auto start = free_start(table, placed, i)) placed.push_back({i, *start});
      EXPECT_EQ(std::ssize(placed),
                profile.most == 0 ? table.profiles.back().slices / profile.slices : profile.most);
      if (i == 0) continue;
      EXPECT_GE(profile.memory, table.profiles[i - 1].memory);
      EXPECT_GE(profile.compute_units, table.profiles[i - 1].compute_units);
    }
    EXPECT_EQ(table.profiles.back().compute_units, table.compute_units) << table.models.front();
  }
}

/// HAMi's fixed layouts as profiles with places: 1g of 5120 MiB and 2g of 10240.
PartitionTable two_sizes(std::int64_t ones) {
  std::vector<std::int64_t> starts(static_cast<std::size_t>(ones));
  for (std::size_t i = 0; i < starts.size(); ++i) starts[i] = static_cast<std::int64_t>(i);
  return {.models = {"X"},
          .compute_units = 4,
          .profiles = {{"1g.5gb", MiB(5120), 1, 1, 1, starts, ones},
                       {"2g.10gb", MiB(10240), 2, 2, 2, {ones}, 1},
                       {"4g.20gb", MiB(20480), 4, 4, ones + 2, {0}, 1}}};
}

/// "2g.10gb@1 10240/50", or "no".
std::string cut(const PartitionTable& table, std::vector<PlacedProfile>& placed,
                std::int64_t memory_mib) {
  const auto profile = smallest_profile(table, {.memory = MiB(memory_mib)});
  const auto start = profile ? free_start(table, placed, *profile) : std::nullopt;
  if (!start) return "no";
  placed.push_back({*profile, *start});
  const PartitionProfile& got = table.profiles[*profile];
  return got.name + "@" + std::to_string(*start) + " " + std::to_string(got.memory.count()) + "/" +
         std::to_string(placement::pickers::compute_percent(table, *profile));
}

TEST(PartitionTables, T80T82T83T84SlicesOfACard) {
  std::vector<PlacedProfile> empty;
  EXPECT_EQ(cut(two_sizes(1), empty, 6000), "2g.10gb@1 10240/50") << "T80";
  std::vector<PlacedProfile> third;
  EXPECT_EQ(cut(two_sizes(2), third, 8000), "2g.10gb@2 10240/50") << "T83: the third position";
  EXPECT_EQ(cut(two_sizes(2), third, 5000), "1g.5gb@1 5120/25") << "T83: the others are free";

  const auto slots = [](std::int64_t memory, std::int64_t count) {
    PartitionTable table = two_sizes(count);
    table.profiles[0].memory = table.profiles[2].memory = MiB(memory);
    table.profiles.erase(table.profiles.begin() + 1);
    table.profiles[1].size = table.profiles[1].slices = count;
    return table;
  };
  std::vector<PlacedProfile> placed;
  EXPECT_NE(cut(slots(1000, 2), placed, 500), "no") << "T82";
  EXPECT_NE(cut(slots(1000, 2), placed, 500), "no") << "T82: two slots, one was taken";
  EXPECT_EQ(cut(slots(1000, 2), placed, 500), "no") << "T82";
  std::vector<PlacedProfile> none;
  EXPECT_EQ(cut(slots(100, 2), none, 500), "no") << "T82: slots of 100";

  std::vector<PlacedProfile> whole;
  EXPECT_EQ(cut(two_sizes(2), whole, 20000), "4g.20gb@0 20480/100") << "T84: all free";
  std::vector<PlacedProfile> busy = {{0, 0}};
  EXPECT_EQ(cut(two_sizes(2), busy, 20000), "no") << "T84: one slot is busy";
}

std::uint64_t places(const PartitionTable& table, const PlacedProfile& one) {
  return ((std::uint64_t{1} << table.profiles[one.profile].size) - 1) << one.start;
}

std::int64_t slices_of(const PartitionTable& table, std::span<const std::size_t> profiles) {
  std::int64_t sum = 0;
  for (const std::size_t profile : profiles) sum += table.profiles[profile].slices;
  return sum;
}

/// Whether all can be on the card at once: every start of every one is tried.
bool can_be(const PartitionTable& table, std::span<const std::size_t> profiles,
            std::uint64_t taken = 0) {
  if (profiles.empty()) return true;
  return std::ranges::any_of(
      table.profiles[profiles.front()].starts, [&](const std::int64_t start) {
        const std::uint64_t here = places(table, {profiles.front(), start});
        return (here & taken) == 0 && can_be(table, profiles.subspan(1), taken | here);
      });
}

/// The same with the card's number of slices.
bool is_possible(const PartitionTable& table, const std::vector<std::size_t>& profiles) {
  return slices_of(table, profiles) <= table.profiles.back().slices && can_be(table, profiles);
}

std::vector<std::size_t> any_profiles(const PartitionTable& table, int most) {
  const int count = *rc::gen::inRange(1, most + 1);
  std::vector<std::size_t> profiles;
  for (int i = 0; i < count; ++i)
    profiles.push_back(*rc::gen::inRange(std::size_t{0}, table.profiles.size()));
  return profiles;
}

RC_GTEST_PROP(PartitionLaws, SlicesAskedForTogetherFitWheneverThatIsPossible, ()) {
  const PartitionTable table = *rc::gen::elementOf(tables());
  const auto profiles = any_profiles(table, 7);
  const auto placed = placement::pickers::place_all(table, {}, profiles);
  RC_ASSERT(placed.has_value() == is_possible(table, profiles));
  if (!placed) return;
  std::uint64_t taken = 0;
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    RC_ASSERT((*placed)[i].profile == profiles[i]);
    RC_ASSERT((taken & places(table, (*placed)[i])) == 0U);
    taken |= places(table, (*placed)[i]);
  }
}

/// The most of the card's compute slices that some of what came can take together.
std::int64_t best_of(const PartitionTable& table, const std::vector<std::size_t>& came) {
  std::int64_t best = 0;
  for (std::uint32_t some = 0; some < (std::uint32_t{1} << came.size()); ++some) {
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < came.size(); ++i)
      if ((some >> i & 1U) != 0) chosen.push_back(came[i]);
    if (slices_of(table, chosen) > best && is_possible(table, chosen))
      best = slices_of(table, chosen);
  }
  return best;
}

/// What free_start() promises of slices that come one by one.
RC_GTEST_PROP(PartitionLaws, SlicesThatComeOneByOneReachHalfOfTheBest, ()) {
  PartitionTable table = *rc::gen::elementOf(tables());
  const std::size_t all = table.profiles.size();
  std::vector<std::size_t> came = any_profiles(table, 8);
  std::erase_if(came, [&](const std::size_t profile) {
    return 2 * table.profiles[profile].slices > table.profiles[all - 1].slices;
  });
  std::vector<PlacedProfile> placed;
  std::vector<std::size_t> got;
  for (const std::size_t profile : came) {
    const auto start = free_start(table, placed, profile);
    if (!start) continue;
    placed.push_back({profile, *start});
    got.push_back(profile);
  }
  RC_ASSERT(2 * slices_of(table, got) >= best_of(table, came));
}

}  // namespace
}  // namespace melon::kube

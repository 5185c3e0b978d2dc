// SPDX-License-Identifier: Apache-2.0
// Ids have their shape and differ; the virtual clock moves both of its hands together.
#include "base/id.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "base/clock.h"

namespace melon {
namespace {

TEST(GrantId, HasItsShapeAndDiffers) {
  std::mt19937_64 rng(42);
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = make_grant_id(rng);
    ASSERT_EQ(id.size(), 14U);
    ASSERT_EQ(id.substr(0, 2), "g-");
    ASSERT_EQ(id.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567", 2), std::string::npos);
    ASSERT_TRUE(seen.insert(id).second) << id;
    ASSERT_TRUE(is_grant_id(id)) << id;
  }
  for (const char* const other : {"", "g-", "g-abcdefghijk", "g-abcdefghijklm", "g-abcdefghijk1",
                                  "h-abcdefghijkl", "g-abcdefg-ijkl", "abcdefghijklmn"})
    EXPECT_FALSE(is_grant_id(other)) << other;
}

TEST(VirtualClock, MovesBothHandsTogether) {
  VirtualClock clock(1000);
  EXPECT_EQ(clock.unix_ms(), 1000);
  clock.advance(std::chrono::milliseconds(1500));
  EXPECT_EQ(clock.unix_ms(), 2500);
  EXPECT_EQ(clock.steady_ns(), 1'500'000'000);
}

TEST(SystemClock, NeverGoesBack) {
  const SystemClock clock;
  const std::int64_t before = clock.steady_ns();
  EXPECT_GE(clock.steady_ns(), before);
  EXPECT_GT(clock.unix_ms(), 1'600'000'000'000);
}

}  // namespace
}  // namespace melon

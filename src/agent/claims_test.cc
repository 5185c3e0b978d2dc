// SPDX-License-Identifier: Apache-2.0
// Claims that may be true and claims that cannot.
#include "agent/claims.h"

#include <gtest/gtest.h>

#include <array>

namespace melon::agent {
namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kSecond = 1000 * kMs;
constexpr std::uint64_t kStart = 1000 * kSecond;

/// One tenant, looked at twice a second.
struct Watched {
  ClaimRecord record = {};
  std::uint64_t now_ns = kStart;
  std::uint64_t used_ns = 0;
  abi::ArenaView page = {};
  bool kernel_measured = true;
  bool held_back = false;

  /// What it is accused of after so long; empty: of nothing. Claims are renewed at every look.
  std::string_view after(std::uint64_t seconds, std::uint64_t used_permille) {
    for (std::uint64_t i = 0; i < 2 * seconds; ++i) {
      now_ns += kSecond / 2;
      used_ns += used_permille * kMs / 2;
      const abi::ArenaView said = {page.virtual_time, until(page.entitled_until),
                                   until(page.wants_until), until(page.busy_until)};
      const auto reason = record.judge({.now_ns = now_ns,
                                        .page = said,
                                        .used_ns = used_ns,
                                        .kernel_measured = kernel_measured,
                                        .held_back = held_back});
      if (!reason.empty()) return reason;
    }
    return {};
  }
  std::uint64_t until(std::uint64_t ahead) const { return ahead == 0 ? 0 : now_ns + ahead; }
};

TEST(Claims, WhoUsesTheDeviceMayClaimIt) {
  for (const std::uint64_t permille : {15U, 100U, 1000U}) {
    Watched tenant{.page = {0, 0, 0, kSecond}};
    EXPECT_EQ(tenant.after(100, permille), "") << permille;
  }
}

TEST(Claims, EveryKindOfClaimWithoutUseIsFalse) {
  for (const abi::ArenaView page :
       {abi::ArenaView{0, kSecond, 0, 0}, abi::ArenaView{0, 0, kSecond, 0},
        abi::ArenaView{0, 0, 0, kSecond}}) {
    Watched idle{.page = page};
    EXPECT_EQ(idle.after(9, 0), "");
    EXPECT_NE(idle.after(3, 0), "");
    Watched almost_idle{.page = page};
    EXPECT_NE(almost_idle.after(12, 5), "");
  }
}

TEST(Claims, AFalseOneIsFoundAgainAsLongAsItIsMade) {
  Watched tenant{.page = {0, 0, 0, kSecond}};
  EXPECT_NE(tenant.after(12, 0), "");
  EXPECT_NE(tenant.after(12, 0), "");
  EXPECT_EQ(tenant.after(60, 500), "");
  EXPECT_NE(tenant.after(22, 0), "");
}

TEST(Claims, ABreakBeginsAnew) {
  Watched tenant{.page = {0, 0, 0, kSecond}};
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(tenant.after(8, 0), "");
    tenant.page.busy_until = 0;
    EXPECT_EQ(tenant.after(1, 0), "");
    tenant.page.busy_until = kSecond;
  }
}

TEST(Claims, WhoIsHeldBackCannotUseWhatItClaims) {
  Watched tenant{.page = {0, 0, kSecond, 0}, .held_back = true};
  EXPECT_EQ(tenant.after(100, 0), "");
  tenant.held_back = false;
  EXPECT_NE(tenant.after(12, 0), "");
}

TEST(Claims, AKernelThatRunsForLongIsChargedWhenItEnds) {
  Watched tenant{.page = {0, 0, 0, kSecond}, .kernel_measured = false};
  EXPECT_EQ(tenant.after(50, 0), "");
  EXPECT_NE(tenant.after(20, 0), "");
}

TEST(Claims, GarbageIsFoundAtOnce) {
  ClaimRecord record = {};
  EXPECT_NE(record.judge({.now_ns = kStart, .page = std::nullopt}), "");
  EXPECT_NE(record.judge({.now_ns = kStart, .page = abi::ArenaView{~0ULL, 0, 0, 0}}), "");
  EXPECT_NE(record.judge({.now_ns = kStart, .page = abi::ArenaView{0, 0, 0, ~0ULL}}), "");
  EXPECT_NE(
      record.judge({.now_ns = kStart, .page = abi::ArenaView{0, kStart + 3600 * kSecond, 0, 0}}),
      "");
  EXPECT_EQ(record.judge({.now_ns = kStart, .page = abi::ArenaView{}}), "");
}

struct Held {
  const char* why;
  Claimant tenant;
  Claimant other;
  bool expected;
};

TEST(Claims, WhoIsHeldBackByWhom) {
  using enum core::ShareMode;
  using enum core::Priority;
  constexpr std::uint64_t kLater = kStart + kSecond;
  const abi::ArenaView busy{0, 0, 0, kLater};
  const abi::ArenaView entitled{0, kLater, 0, 0};
  const abi::ArenaView first{5, 0, kLater, 0};
  const abi::ArenaView second{9, 0, kLater, 0};
  const std::array cases = std::to_array<Held>({
      {"above and busy", {entitled, kHard, kNormal}, {busy, kHard, kHigh}, true},
      {"not above", {second, kWeighted, kNormal}, {busy, kHard, kNormal}, false},
      {"left out", {entitled, kHard, kNormal}, {busy, kHard, kHigh, true}, false},
      {"guaranteed to the other", {second, kWeighted, kNormal}, {entitled, kHard, kNormal}, true},
      {"guaranteed to both", {entitled, kBurst, kNormal}, {entitled, kHard, kNormal}, false},
      {"guaranteed below", {second, kWeighted, kHigh}, {entitled, kHard, kNormal}, false},
      {"comes later", {second, kWeighted, kNormal}, {first, kWeighted, kNormal}, true},
      {"comes first", {first, kWeighted, kNormal}, {second, kWeighted, kNormal}, false},
      {"another level", {second, kWeighted, kHigh}, {first, kWeighted, kNormal}, false},
  });
  for (const Held& row : cases)
    EXPECT_EQ(is_held_back(row.tenant, {&row.other, 1}, kStart), row.expected) << row.why;
  EXPECT_FALSE(claims_anything(busy, kLater));
  EXPECT_TRUE(claims_anything(busy, kStart));
}

}  // namespace
}  // namespace melon::agent

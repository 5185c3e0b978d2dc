// SPDX-License-Identifier: Apache-2.0
// Spellings read back; names and requests are checked rule by rule.
#include "core/names.h"

#include <gtest/gtest.h>

#include <string>

namespace melon::core {
namespace {

TEST(Names, EverySpellingReadsBack) {
  for (const auto value : {ShareMode::kHard, ShareMode::kWeighted, ShareMode::kBurst})
    EXPECT_EQ(*parse_share_mode(to_text(value)), value);
  for (const auto value : {Priority::kLow, Priority::kNormal, Priority::kHigh})
    EXPECT_EQ(*parse_priority(to_text(value)), value);
  for (const auto value : {State::kQueued, State::kReserved, State::kRunning, State::kSuspended,
                           State::kExited, State::kFailed, State::kLost})
    EXPECT_EQ(*parse_state(to_text(value)), value);
  EXPECT_EQ(to_text(Enforcement::kNone), "none");
  EXPECT_EQ(to_text(Enforcement::kShim), "shim");
  EXPECT_EQ(to_text(Health::kHeld), "held");
}

TEST(Names, UnknownWordsNameTheAcceptedOnes) {
  const auto share = parse_share_mode("Hard");
  ASSERT_FALSE(share);
  EXPECT_EQ(share.error().code, Code::kInvalidArgument);
  EXPECT_NE(share.error().message.find("'Hard'"), std::string::npos);
  EXPECT_NE(share.error().remedy.find("hard, weighted, burst"), std::string::npos);
  EXPECT_EQ(parse_priority("").error().code, Code::kInvalidArgument);
  EXPECT_EQ(parse_state("done").error().code, Code::kInvalidArgument);
}

TEST(CheckName, TakesDnsLabelsOnly) {
  for (const std::string& name : {std::string("web-1"), std::string("a"), std::string("0"),
                                  std::string("a--b"), std::string(63, 'x')})
    EXPECT_TRUE(check_name(name)) << name;
  for (const std::string& name :
       {std::string(), std::string("-a"), std::string("a-"), std::string("A"), std::string("a_b"),
        std::string("a.b"), std::string("a b"), std::string("a/b"), std::string("\xc3\xa4"),
        std::string("a\0b", 3), std::string(64, 'x')})
    EXPECT_EQ(check_name(name).error().code, Code::kInvalidArgument) << name;
}

TEST(CheckRequest, TakesWhatHasAMeaning) {
  EXPECT_TRUE(check_request({}));
  EXPECT_TRUE(check_request({.compute = Permille(250)}));
  EXPECT_TRUE(check_request({.share = ShareMode::kWeighted, .weight = 500}));
  EXPECT_TRUE(check_request({.compute = Permille(250), .share = ShareMode::kBurst}));
  EXPECT_TRUE(check_request(
      {.compute = Permille(250), .share = ShareMode::kBurst, .max_compute = Permille(250)}));
  EXPECT_TRUE(check_request({.count = kMostDevices}));
}

TEST(CheckRequest, RefusesWhatHasNone) {
  const Request refused[] = {
      {.weight = 0},
      {.weight = kLargestWeight + 1},
      {.count = 0},
      {.count = kMostDevices + 1},
      {.count = 2, .device = "opencl-0"},
      {.compute = Permille(0)},
      {.compute = Permille(1001)},
      {.share = ShareMode::kHard},
      {.share = ShareMode::kBurst},
      {.compute = Permille(250), .share = ShareMode::kWeighted},
      {.compute = Permille(250), .max_compute = Permille(500)},
      {.max_compute = Permille(500)},
      {.compute = Permille(250), .share = ShareMode::kBurst, .max_compute = Permille(249)},
      {.compute = Permille(250), .share = ShareMode::kBurst, .max_compute = Permille(1001)},
  };
  for (const Request& request : refused) {
    const auto checked = check_request(request);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, Code::kInvalidArgument);
    EXPECT_FALSE(checked.error().remedy.empty()) << checked.error().message;
  }
}

TEST(Request, ModeAndBookingFollowFromWhatIsAsked) {
  EXPECT_EQ(Request{}.share_mode(), ShareMode::kWeighted);
  EXPECT_EQ(Request{}.booked(), Permille(0));
  const Request hard{.compute = Permille(250)};
  EXPECT_EQ(hard.share_mode(), ShareMode::kHard);
  EXPECT_EQ(hard.booked(), Permille(250));
}

}  // namespace
}  // namespace melon::core

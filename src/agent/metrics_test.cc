// SPDX-License-Identifier: Apache-2.0
// What scrapers and readers of events are told of a grant.
#include "agent/metrics.h"

#include <gmock/gmock.h>

#include "agent/event_text.h"

namespace melon::agent {
namespace {

using testing::HasSubstr;

TEST(Metrics, EveryFlagOfAGrantIsToldByName) {
  const core::Grant grant{.name = "a"};
  const core::Grant calm{.name = "b"};
  MetricFacts facts;
  facts.grants = {GrantView{.grant = &grant, .flags = {"no_timer", "too_many_processes"}},
                  GrantView{.grant = &calm}};
  const std::string text = metrics_text(facts);
  EXPECT_THAT(text, HasSubstr("melon_grant_flagged_bool{grant=\"a\",flag=\"no_timer\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("melon_grant_flagged_bool{grant=\"a\",flag=\"too_many_processes\"} 1\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("melon_grant_flagged_bool{grant=\"b\"")));
}

TEST(EventText, TellsEachLimit) {
  core::Grant grant{
      .slices = {
          {.device = "d0", .memory = MiB(64), .compute = Permille(250), .ceiling = Permille(500)},
          {.device = "d1", .memory = MiB(32), .compute = Permille(250)}}};
  grant.request.compute = Permille(250);
  EXPECT_EQ(slices_text(grant), "64 MiB of d0, hard 25%; 32 MiB of d1, hard 25%; priority normal");
  grant.slices.pop_back();
  grant.request.share = core::ShareMode::kBurst;
  EXPECT_EQ(slices_text(grant), "64 MiB of d0, burst 25% to 50%, weight 100; priority normal");
  grant.request = {.weight = 7, .priority = core::Priority::kHigh};
  EXPECT_EQ(slices_text(grant), "64 MiB of d0, weight 7; priority high");
}

TEST(EventText, TellsAnEndThatNeedsNoReason) {
  core::Grant grant{.exit_code = 0};
  EXPECT_EQ(end_text(grant), "exit status 0");
  grant.reason = "stopped as asked";
  EXPECT_EQ(end_text(grant), "stopped as asked");
}

}  // namespace
}  // namespace melon::agent

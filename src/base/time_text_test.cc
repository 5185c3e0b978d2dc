// SPDX-License-Identifier: Apache-2.0
// RFC 3339 and durations: known values, refusals and reading back.
#include "base/time_text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace melon {
namespace {

using std::chrono::milliseconds;

TEST(Rfc3339, WritesKnownPoints) {
  EXPECT_EQ(to_rfc3339(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(951'782'400'123), "2000-02-29T00:00:00.123Z");
  EXPECT_EQ(to_rfc3339(1'795'262'460'000), "2026-11-21T12:01:00.000Z");
  EXPECT_EQ(to_rfc3339(-1), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(INT64_MAX), "9999-12-31T23:59:59.999Z");
}

TEST(Rfc3339, ReadsFractionsOfAnyLength) {
  EXPECT_EQ(*parse_rfc3339("2000-02-29T00:00:00Z"), 951'782'400'000);
  EXPECT_EQ(*parse_rfc3339("2000-02-29T00:00:00.1Z"), 951'782'400'100);
  EXPECT_EQ(*parse_rfc3339("2000-02-29T00:00:00.123456789Z"), 951'782'400'123);
}

TEST(Rfc3339, RefusesWhatIsNoPointInTime) {
  for (const std::string_view text :
       {"", "2026-11-21", "2026-11-21T12:01:00", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
        "2026-11-21T24:00:00Z", "2026-11-21T12:60:00Z", "2026-11-21T12:01:00+01:00",
        "2026-11-21 12:01:00Z", "1969-12-31T23:59:59Z", "2026-11-21T12:01:00.Z",
        "2026-11-21T12:01:00.1234567890Z", "2026-11-21T12:01:00.-1Z"})
    EXPECT_EQ(parse_rfc3339(text).error().code, Code::kInvalidArgument) << text;
}

TEST(Duration, ReadsUnitsAndSums) {
  EXPECT_EQ(*parse_duration("10s"), milliseconds(10'000));
  EXPECT_EQ(*parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(*parse_duration("1h30m"), milliseconds(5'400'000));
  EXPECT_EQ(*parse_duration("1d1s"), milliseconds(86'401'000));
  EXPECT_EQ(*parse_duration("0s"), milliseconds(0));
}

TEST(Duration, RefusesTheRest) {
  for (const std::string_view text : {"", "10", "-1s", "s", "1s1h", "1s1s", "10 s", "1.5h", "1w",
                                      "3651d", "99999999999999999999s", "3650d1ms", "1S"})
    EXPECT_EQ(parse_duration(text).error().code, Code::kInvalidArgument) << text;
}

RC_GTEST_PROP(Rfc3339, ReadsBackWhatItWrote, ()) {
  const auto unix_ms = *rc::gen::inRange<std::int64_t>(0, 253'402'300'800'000);
  RC_ASSERT(*parse_rfc3339(to_rfc3339(unix_ms)) == unix_ms);
}

RC_GTEST_PROP(Duration, ReadsBackWhatItWrote, ()) {
  const milliseconds duration(*rc::gen::inRange<std::int64_t>(0, 315'360'000'000));
  RC_ASSERT(*parse_duration(to_text(duration)) == duration);
}

}  // namespace
}  // namespace melon

// SPDX-License-Identifier: Apache-2.0
// What request targets decode to, and which are refused.
#include "net/target.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace melon::net {
namespace {

using Query = std::map<std::string, std::string>;

TEST(Target, DecodesPathAndQuery) {
  const auto target = parse_target("/v1/grants/a%20b+c?all=true&name=x%26y+z&&flag&=v&all=false");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/v1/grants/a b+c");
  EXPECT_EQ(target->query, (Query{{"all", "false"}, {"name", "x&y z"}, {"flag", ""}, {"", "v"}}));
  EXPECT_EQ(parse_target("/")->path, "/");
  EXPECT_EQ(parse_target("/?")->query, Query{});
}

TEST(Target, RefusesWhatItCannotDecode) {
  for (const char* const text : {"", "v1", "http://x/", "*", "/%", "/%2", "/%zz", "/a?b=%2",
                                 "/a?%g0", "/a%00b", "/a?b=%00"}) {
    const auto target = parse_target(text);
    ASSERT_FALSE(target) << text;
    EXPECT_EQ(target.error().code, Code::kInvalidArgument);
  }
}

TEST(Target, RefusesABareNul) {
  using namespace std::string_view_literals;
  EXPECT_FALSE(parse_target("/a\0b"sv));
  EXPECT_FALSE(parse_target("/a?b=\0"sv));
}

RC_GTEST_PROP(Target, GivesBackWhatWasEncoded, (std::string word, std::string value)) {
  RC_PRE(word.find('\0') == std::string::npos && value.find('\0') == std::string::npos);
  const auto target = parse_target("/" + percent_encode(word) + "?" + percent_encode(word) + "=" +
                                   percent_encode(value));
  RC_ASSERT(target.has_value());
  RC_ASSERT(target->path == "/" + word);
  RC_ASSERT(target->query == (Query{{word, value}}));
}

}  // namespace
}  // namespace melon::net

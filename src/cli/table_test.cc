// SPDX-License-Identifier: Apache-2.0
// Tables, YAML, small drawings and suggestions.
#include "cli/table.h"

#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>

#include "cli/grant_table.h"
#include "cli/sparkline.h"
#include "cli/suggest.h"
#include "cli/yaml.h"

namespace melon::cli {
namespace {

Table sample() {
  return {.columns = {{.header = "NAME"},
                      {.header = "SECRET", .wide_only = true},
                      {.header = "N", .right = true}},
          .rows = {{"a", "x", "1"}, {"longer", "y", "200"}}};
}

TEST(Table, AlignsColumnsAndLeavesNothingTrailing) {
  EXPECT_EQ(to_text(sample(), {}), "NAME      N\na         1\nlonger  200\n");
}

TEST(Table, ShowsWideColumnsOnlyWhenAskedAndDropsHeaders) {
  EXPECT_EQ(to_text(sample(), {.headers = false, .wide = true}),
            "a       x    1\nlonger  y  200\n");
}

TEST(Table, ControlCharactersCannotDriveTheTerminal) {
  Table table = sample();
  table.rows = {{"\x1b[2Jevil", "", "1"}};
  EXPECT_EQ(to_text(table, {}).find('\x1b'), std::string::npos);
}

TEST(Table, ANarrowLineCutsWhatShrinksThenDropsWhatIsSpare) {
  const Table table{.columns = {{.header = "ID"},
                                {.header = "TYPE", .shrinks = true},
                                {.header = "LAST", .spare = 2},
                                {.header = "FIRST", .spare = 1}},
                    .rows = {{"a", "ünïcödé and so on", "x", "y"}}};
  const std::string whole = "ID  TYPE               LAST  FIRST\na   ünïcödé and so on  x     y\n";
  EXPECT_EQ(to_text(table, {}), whole);
  EXPECT_EQ(to_text(table, {.columns = 34}), whole);
  EXPECT_EQ(to_text(table, {.columns = 31}),
            "ID  TYPE            LAST  FIRST\na   ünïcödé and ..  x     y\n");
  EXPECT_EQ(to_text(table, {.columns = 23}), "ID  TYPE           LAST\na   ünïcödé and..  x\n");
  EXPECT_EQ(to_text(table, {.columns = 10}), "ID  TYPE\na   ünïcödé an..\n");
  EXPECT_EQ(to_text(table, {.wide = true, .columns = 10}), whole);
}

TEST(Table, CountsCharactersNotBytes) { EXPECT_EQ(display_width("█▁é"), 3u); }

TEST(Table, ShowsControlsOfAnyKindAsQuestionMarks) {
  EXPECT_EQ(printable("a\x1b[2J\x7f \u0080\u009b1m\u009f\u00a0é"), "a?[2J? ??1m?\u00a0é");
}

TEST(Table, ColoursOnlyWhenAsked) {
  Table table = sample();
  table.rows = {{Cell("ok", Tone::kGood), "", "1"}};
  EXPECT_EQ(to_text(table, {}).find('\x1b'), std::string::npos);
  EXPECT_NE(to_text(table, {.color = true}).find("\x1b[32mok\x1b[0m"), std::string::npos);
}

struct YamlCase {
  const char* json;
  const char* yaml;
};
class Yaml : public testing::TestWithParam<YamlCase> {};
TEST_P(Yaml, WritesBlocksAndQuotesWhatCouldBeReadOtherwise) {
  EXPECT_EQ(to_yaml(nlohmann::ordered_json::parse(GetParam().json)), GetParam().yaml);
}
INSTANTIATE_TEST_SUITE_P(
    Cases, Yaml,
    testing::Values(YamlCase{"[]", "[]\n"}, YamlCase{R"({"a":1,"b":null})", "a: 1\nb: null\n"},
                    YamlCase{R"({"a":"yes","b":"No","c":"1","d":"x y","e":""})",
                             "a: \"yes\"\nb: \"No\"\nc: \"1\"\nd: \"x y\"\ne: \"\"\n"},
                    YamlCase{R"([{"m":"a","s":[{"d":1,"e":2}]},{"m":"b","s":[]}])",
                             "- m: a\n  s:\n  - d: 1\n    e: 2\n- m: b\n  s: []\n"},
                    YamlCase{R"({"o":{"p":{"q":true}}})", "o:\n  p:\n    q: true\n"},
                    YamlCase{R"([[1,2],[3]])", "- - 1\n  - 2\n- - 3\n"},
                    YamlCase{
                        R"(["\u007f\u009f\u0085\u2028\ufeff\uffff","\u00a0\u00e9\ud83d\ude00"])",
                        "- \"\\u007f\\u009f\\u0085\\u2028\\ufeff\\uffff\"\n"
                        "- \"\u00a0\u00e9\U0001f600\"\n"}));

TEST(Sparkline, ShowsTheYoungestAndNeverHidesSomething) {
  const std::array<std::int64_t, 4> values = {1000, 0, 1, 500};
  EXPECT_EQ(sparkline(values, 3, Glyphs::kUnicode), " ▁▄");
  EXPECT_EQ(sparkline(values, 6, Glyphs::kAscii), "  @ .=");
}

TEST(Sparkline, BarsAreAlwaysAsWideAsAsked) {
  for (const std::int64_t permille : {-5, 0, 1, 499, 1000, 5000})
    EXPECT_EQ(display_width(bar(permille, 10, Glyphs::kUnicode)), 10u) << permille;
  EXPECT_EQ(bar(500, 4, Glyphs::kAscii), "##..");
}

TEST(Sparkline, FitCutsCharactersWhole) {
  EXPECT_EQ(fit("ééééé", 3, Glyphs::kUnicode), "éé…");
  EXPECT_EQ(fit("ab", 4, Glyphs::kAscii), "ab  ");
  EXPECT_EQ(fit_right("ab", 4, Glyphs::kAscii), "  ab");
}

TEST(Suggest, FindsTheNearestWordOrNone) {
  const std::vector<std::string> known = {"devices", "doctor", "down", "resume", "suspend"};
  EXPECT_EQ(suggest("devcies", known), "devices");
  EXPECT_EQ(suggest("resme", known), "resume");
  EXPECT_EQ(suggest("susp", known), "suspend");
  EXPECT_EQ(suggest("d", known), std::nullopt);
  EXPECT_EQ(suggest("kubernetes", known), std::nullopt);
}

TEST(Suggest, DistanceCountsASwapAsOne) {
  EXPECT_EQ(edit_distance("ab", "ba"), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
}

TEST(GrantTable, AgesAreShort) {
  EXPECT_EQ(age_text("1970-01-01T00:00:00Z", 119'000), "119s");
  EXPECT_EQ(age_text("1970-01-01T00:00:00Z", 180'000), "3m");
  EXPECT_EQ(age_text("1970-01-01T00:00:00Z", 7'200'000), "2h");
  EXPECT_EQ(age_text("1970-01-01T00:00:05Z", 0), "0s");
  EXPECT_EQ(age_text("", 0), "-");
}

TEST(GrantTable, OneRowPerSliceAndOneForAGrantWithout) {
  const Json grants = Json::parse(R"([
    {"name":"two","state":"running","owner":"u","slices":[
      {"device":"d0","memory_mib":1024,"compute_permille":250,"share":"hard","weight":100},
      {"device":"d1","memory_mib":1024,"compute_permille":0,"share":"weighted","weight":7}]},
    {"name":"none","state":"queued","owner":"u","slices":[],"exit_code":null}])");
  const Table table = grant_table(grants, 0);
  ASSERT_EQ(table.rows.size(), 3u);
  EXPECT_EQ(table.rows[0][0].text, "two");
  EXPECT_EQ(table.rows[1][0].text, "");
  EXPECT_EQ(table.rows[1][5].text, "weight 7");
  EXPECT_EQ(table.rows[2][0].text, "none");
  for (const auto& row : table.rows) EXPECT_EQ(row.size(), table.columns.size());
}

TEST(GrantTable, DocumentedKeysComeFirstAndAbsentOnesAreNull) {
  const Json grant = documented_grant(Json::parse(R"({"reason":"r","name":"a"})"));
  EXPECT_EQ(grant.begin().key(), "name");
  EXPECT_TRUE(grant.at("pids").is_null());
  EXPECT_EQ(grant.at("reason"), "r");
}

TEST(Table, AsCsvQuotesWhatNeedsIt) {
  const Table table{.columns = {{.header = "NAME"}, {.header = "NOTE", .wide_only = true}},
                    .rows = {{"a,b", "say \"no\""}, {"", "plain"}}};
  EXPECT_EQ(to_csv(table, true), "name,note\n\"a,b\",\"say \"\"no\"\"\"\n,plain\n");
  EXPECT_EQ(to_csv({}, true), "");
}

}  // namespace
}  // namespace melon::cli

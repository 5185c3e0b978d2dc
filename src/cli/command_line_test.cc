// SPDX-License-Identifier: Apache-2.0
// Parsing, usage errors, help and the pages derived from the commands.
#include "cli/command_line.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <sstream>

#include "cli/completion.h"
#include "cli/exit_code.h"
#include "cli/help.h"

namespace melon::cli {
namespace {

struct Seen {
  bool ran = false;
  bool flag = false;
  std::optional<std::string> word;
  std::optional<int> number;
  std::optional<std::string> wait;
  std::string name;
  Trailing trailing;
  OutputFormat format = OutputFormat::kTable;
  std::string socket;
};

std::vector<Command> sample_commands(Seen& seen) {
  const auto run = [&seen](Session& session) -> Result<int> {
    seen.ran = true;
    seen.format = session.format;
    seen.socket = session.socket;
    if (seen.name == "missing") return fail(Code::kNotFound, "no 'missing'", "look again");
    if (seen.name == "wild")
      return fail(Code::kNotFound, "it names '\x1b[31m\xc2\x9b'\na second line, \u00e9", "look\r");
    return kOk;
  };
  Command start{.name = "start",
                .summary = "Starts",
                .run = run,
                .trailing = &seen.trailing,
                .exit_rule = ExitRule::kProgram};
  start.parameters = {{.names = "--wait",
                       .target = &seen.wait,
                       .value = "T",
                       .text = "",
                       .value_may_be_absent = true},
                      {.names = "--word", .target = &seen.word, .value = "W", .text = "a word"},
                      {.names = "--dry-run", .target = &seen.flag, .text = "starts nothing"}};
  Command show{.name = "show", .summary = "Shows", .run = run};
  show.parameters = {
      {.names = "NAME", .target = &seen.name, .text = "which", .required = true},
      {.names = "-f,--flag", .target = &seen.flag, .text = "a switch"},
      {.names = "--number", .target = &seen.number, .value = "N", .text = "a number"}};
  Command group{.name = "group",
                .summary = "Groups",
                .children = {{.name = "inner", .summary = "Inner", .run = run}}};
  return {start, show, group};
}

struct Outcome {
  int code;
  std::string out;
  std::string err;
  Seen seen;
};

Outcome run(const std::vector<std::string>& words) {
  Outcome outcome;
  std::ostringstream out;
  std::ostringstream err;
  const auto list = sample_commands(outcome.seen);
  outcome.code = run_command_line(list, words, {.out = out, .err = err});
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

TEST(CommandLine, FillsFlagsAndGlobalOptionsAnywhere) {
  const Outcome o = run({"show", "-o", "json", "web", "-f", "--number=3", "--socket", "/s"});
  EXPECT_EQ(o.code, kOk) << o.err;
  EXPECT_EQ(o.seen.name, "web");
  EXPECT_TRUE(o.seen.flag);
  EXPECT_EQ(o.seen.number, 3);
  EXPECT_EQ(o.seen.format, OutputFormat::kJson);
  EXPECT_EQ(o.seen.socket, "/s");
}

TEST(CommandLine, WhatFollowsTheMarkIsNeverParsed) {
  const Outcome o = run({"start", "--word", "w", "--", "prog", "--help", "-o", "", "--", "[a]"});
  EXPECT_EQ(o.code, kOk) << o.err;
  EXPECT_EQ(o.seen.trailing, (Trailing{"prog", "--help", "-o", "", "--", "[a]"}));
}

TEST(CommandLine, AValueThatMayBeAbsent) {
  EXPECT_EQ(run({"start", "--", "p"}).seen.wait, std::nullopt);
  EXPECT_EQ(run({"start", "--wait", "--", "p"}).seen.wait, "");
  EXPECT_EQ(run({"start", "--wait", "--word", "x", "--", "p"}).seen.wait, "");
  EXPECT_EQ(run({"start", "--wait=10m", "--", "p"}).seen.wait, "10m");
}

struct UsageCase {
  std::vector<std::string> words;
  int code;
  std::string says;
};
class Usage : public testing::TestWithParam<UsageCase> {};
TEST_P(Usage, IsRefusedWithTheRuleAndAGuess) {
  const Outcome o = run(GetParam().words);
  EXPECT_EQ(o.code, GetParam().code);
  EXPECT_FALSE(o.seen.ran);
  EXPECT_NE(o.err.find(GetParam().says), std::string::npos) << o.err;
}
INSTANTIATE_TEST_SUITE_P(
    Cases, Usage,
    testing::Values(
        UsageCase{{"shwo"}, kUsage, "did you mean 'show'"}, UsageCase{{"show"}, kUsage, "NAME"},
        UsageCase{{"show", "a", "b"}, kUsage, "'b'"},
        UsageCase{{"show", "a", "--flga"}, kUsage, "did you mean '--flag'"},
        UsageCase{{"show", "a", "--number", "x"}, kUsage, "--number 'x' is not a whole"},
        UsageCase{{"show", "a", "--number", "0x10"}, kUsage, "'0x10' is not a whole"},
        UsageCase{{"show", "a", "--number", "010"}, kUsage, "'010' is not a whole"},
        UsageCase{{"show", "a", "--number", ""}, kUsage, "--number '' is not a whole"},
        UsageCase{{"start", "--wrong"}, kOwnFailure, "'--wrong'"},
        UsageCase{{"start", "--dry-run", "--wrong"}, kUsage, "'--wrong'"},
        UsageCase{{"start", "--dry-run", "--word="}, kUsage, "--word needs a value"},
        UsageCase{{"start", "--wrong", "--", "--dry-run"}, kOwnFailure, "'--wrong'"},
        UsageCase{{"show", "a", "-o", "xml"}, kUsage, "xml"},
        UsageCase{{"show", "a", "--", "b"}, kUsage, "--"},
        UsageCase{{"group"}, kUsage, "needs a command"},
        UsageCase{{"group", "inne"}, kUsage, "did you mean 'inner'"},
        UsageCase{{"start", "prog"}, kOwnFailure, "-- prog"}, UsageCase{{}, kUsage, "Usage"}));

TEST(CommandLine, ErrorsGetTheirCodeAndRemedy) {
  const Outcome o = run({"show", "missing"});
  EXPECT_EQ(o.code, kNotFound);
  EXPECT_NE(o.err.find("remedy: look again"), std::string::npos);
}

TEST(CommandLine, ErrorsSayNothingToTheTerminal) {
  EXPECT_EQ(run({"show", "wild"}).err,
            "melon: it names '\\x1b[31m\\x9b'\na second line, \u00e9\n  remedy: look\\x0d\n");
}

TEST(CommandLine, HelpOfEveryRealCommandHasAnExample) {
  for (const Command& command : commands()) {
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(run_command_line(commands(), {command.name, "--help"}, {.out = out, .err = err}),
              kOk);
    EXPECT_NE(out.str().find("Usage: melon " + command.name), std::string::npos);
    EXPECT_TRUE(command.hidden || !command.examples.empty()) << command.name;
  }
}

TEST(CommandLine, CommandNamesAreUniqueAndInTheReference) {
  std::set<std::string> names;
  const std::string page = reference_page(commands());
  for (const Command& command : commands()) {
    EXPECT_TRUE(names.insert(command.name).second) << command.name;
    EXPECT_EQ(page.find("## melon " + command.name + "\n") != std::string::npos, !command.hidden);
  }
}

TEST(Completion, ScriptsNameEveryCommandAndOption) {
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    const auto script = completion_script(shell, commands());
    ASSERT_TRUE(script);
    for (const Command& command : commands())
      EXPECT_EQ(script->find(command.name) != std::string::npos, !command.hidden)
          << shell << " " << command.name;
    EXPECT_NE(script->find("stop-all"), std::string::npos);
    EXPECT_EQ(script->find('@'), script->find("@COMMANDS@"));
  }
  EXPECT_FALSE(completion_script("tcsh", commands()));
}

}  // namespace
}  // namespace melon::cli

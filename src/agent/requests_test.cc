// SPDX-License-Identifier: Apache-2.0
// Request bodies: what is read, and that each wrong form is refused by name.
#include "agent/requests.h"

#include <gtest/gtest.h>

#include <string>

namespace melon::agent {
namespace {

TEST(GrantRequest, ReadsEveryField) {
  const auto body = parse_grant_request(
      R"({"name":"web-1","memory":"1GiB","compute":"25%","share":"burst","weight":7,"max":"50%",
          "priority":"high","count":2,"type":"pocl","unenforced":true,"wait":true,
          "wait_seconds":9,"waiter_pid":4711,"dry_run":true,"arguments":["a","b c"],"keep_seconds":5})");
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(body->wanted.name, "web-1");
  EXPECT_EQ(body->wanted.request.memory->absolute, MiB(1024));
  EXPECT_EQ(body->wanted.request.compute, Permille(250));
  EXPECT_EQ(body->wanted.request.share, core::ShareMode::kBurst);
  EXPECT_EQ(body->wanted.request.weight, 7);
  EXPECT_EQ(body->wanted.request.max_compute, Permille(500));
  EXPECT_EQ(body->wanted.request.priority, core::Priority::kHigh);
  EXPECT_EQ(body->wanted.request.count, 2);
  EXPECT_EQ(body->wanted.request.type, "pocl");
  EXPECT_TRUE(body->wanted.request.unenforced);
  EXPECT_TRUE(body->wanted.wait);
  EXPECT_EQ(body->wanted.wait_seconds, 9);
  EXPECT_EQ(body->waiter_pid, 4711);
  EXPECT_TRUE(body->dry_run);
  EXPECT_EQ(body->wanted.arguments, (std::vector<std::string>{"a", "b c"}));
  EXPECT_EQ(body->wanted.keep_seconds, 5);
}

TEST(GrantRequest, DefaultsAreTheContract) {
  const auto body = parse_grant_request("{}");
  ASSERT_TRUE(body);
  EXPECT_FALSE(body->wanted.request.memory);
  EXPECT_EQ(body->wanted.request.share_mode(), core::ShareMode::kWeighted);
  EXPECT_EQ(body->wanted.keep_seconds, 0);  // as configured
  EXPECT_FALSE(body->dry_run);
}

/// A wrong body and the word that the message must name.
struct Wrong {
  const char* body;
  const char* named;
};

TEST(GrantRequest, RefusesEachWrongFormByName) {
  const Wrong wrongs[] = {
      {"", "not JSON"},
      {"{", "not JSON"},
      {"[]", "not a JSON object"},
      {"\"\xff\"", "not JSON"},
      {R"({"memroy":"1GiB"})", "memroy"},
      {R"({"memory":1024})", "memory"},
      {R"({"memory":null})", "memory"},
      {R"({"memory":"-1GiB"})", "memory"},
      {R"({"memory":"0"})", "memory"},
      {R"({"memory":"99999999999999999999GiB"})", "memory"},
      {R"({"compute":"25"})", "compute"},
      {R"({"share":"fair"})", "share"},
      {R"({"weight":0})", "weight"},
      {R"({"weight":1.5})", "weight"},
      {R"({"weight":18446744073709551615})", "weight"},
      {R"({"count":17})", "count"},
      {R"({"name":"Web_1"})", "Web_1"},
      {R"({"name":""})", "name"},
      {R"({"arguments":["a",1]})", "arguments"},
      {R"({"wait":"yes"})", "wait"},
      {R"({"compute":"25%","share":"hard","max":"50%"})", "max"},
  };
  for (const Wrong& wrong : wrongs) {
    const auto body = parse_grant_request(wrong.body);
    ASSERT_FALSE(body) << wrong.body;
    EXPECT_EQ(body.error().code, Code::kInvalidArgument) << wrong.body;
    EXPECT_NE(body.error().message.find(wrong.named), std::string::npos) << body.error().message;
    EXPECT_FALSE(body.error().remedy.empty()) << wrong.body;
  }
}

TEST(GrantChange, NeedsAField) {
  EXPECT_FALSE(parse_grant_change("{}"));
  const auto change = parse_grant_change(R"({"suspended":true})");
  ASSERT_TRUE(change);
  EXPECT_EQ(change->suspended, true);
  EXPECT_FALSE(change->memory);
}

TEST(Exit, IsACodeOrASignalOfAProcess) {
  EXPECT_EQ(parse_exit(R"({"pid":7,"exit_code":3})").value(), (ExitBody{7, 3}));
  EXPECT_EQ(parse_exit(R"({"pid":7,"signal":9})").value(), (ExitBody{7, 137}));
  EXPECT_FALSE(parse_exit("{}"));
  EXPECT_FALSE(parse_exit(R"({"exit_code":3})"));
  EXPECT_FALSE(parse_exit(R"({"pid":7})"));
  EXPECT_FALSE(parse_exit(R"({"pid":7,"exit_code":0,"signal":9})"));
  EXPECT_FALSE(parse_exit(R"({"pid":7,"exit_code":256})"));
}

TEST(SmallBodies, EmptyMeansDefaultsWhereTheContractSaysSo) {
  EXPECT_EQ(parse_stop("")->grace_seconds, 10);
  EXPECT_FALSE(parse_shutdown("").value());
  EXPECT_TRUE(parse_shutdown(R"({"stop_all":true})").value());
  EXPECT_FALSE(parse_process(""));
  EXPECT_FALSE(parse_process("{}"));
  EXPECT_FALSE(parse_process(R"({"pid":0})"));
  EXPECT_EQ(parse_process(R"({"pid":7})").value(), 7);
}

TEST(Switch, IsTrueOrFalse) {
  EXPECT_TRUE(parse_switch({{"all", "true"}}, "all").value());
  EXPECT_FALSE(parse_switch({}, "all").value());
  EXPECT_FALSE(parse_switch({{"all", "1"}}, "all"));
}

}  // namespace
}  // namespace melon::agent

// SPDX-License-Identifier: Apache-2.0
// Handshakes and locks of nodes.
#include <gtest/gtest.h>

#include "annotations/handshake.h"
#include "annotations/node_lock.h"
#include "base/time_text.h"

namespace melon::annotations {
namespace {

constexpr std::int64_t kNow = 1'769'860'800;  // 2026-01-31 12:00:00 UTC
constexpr HandshakeClock kClock{.unix_seconds = kNow};
constexpr Aliveness kAlive{.healthy = true, .needs_update = false};
constexpr Aliveness kAskAgain{.healthy = true, .needs_update = true};
constexpr Aliveness kGone{.healthy = false, .needs_update = false};

TEST(Handshake, Table) {
  struct Case {
    std::string_view value;
    std::int64_t allocatable;
    Aliveness expected;
  };
  constexpr Case kCases[] = {
      {"Requesting_2026-01-31 11:59:30", 0, kAlive},
      {"Requesting_2026-01-31 11:58:30", 4, kAlive},
      {"Requesting_2026-01-31 11:58:30", 0, kGone},
      {"Requesting_2026.01.31 11:58:30", 0, kGone},
      {"Requesting_2026-01-31T11:58:30Z", 0, kGone},
      {"Requesting_2026-01-31T19:58:30+08:00", 0, kGone},
      {"Requesting_soon", 0, kAlive},
      {"Deleted", 0, kAlive},
      {"Deleted_2026-01-31 11:59:30", 0, kAlive},
      {"Deleted_never", 0, kAlive},
      {"Deleted_2026-01-31 11:58:30", 0, kAskAgain},
      {"Reported_2026-01-31 11:58:30", 0, kAskAgain},
      {"Reported 2026-01-31", 0, kAskAgain},
      {"", 0, kAskAgain},
  };
  for (const Case& one : kCases)
    EXPECT_EQ(judge_handshake(std::string(one.value), one.allocatable, kClock), one.expected)
        << "T93, Z5: " << one.value;
  EXPECT_EQ(judge_handshake(std::nullopt, 0, kClock), kAskAgain);
}

TEST(Handshake, LocalTimeOfTheWriter) {
  const HandshakeClock china{.unix_seconds = kNow, .utc_offset_seconds = 8 * 3600};
  EXPECT_EQ(handshake_request(kClock), "Requesting_2026-01-31 12:00:00");
  EXPECT_EQ(handshake_request(china), "Requesting_2026-01-31 20:00:00");
  EXPECT_EQ(judge_handshake(handshake_request(china), 0, china), kAlive);
  const HandshakeClock later{.unix_seconds = kNow + 61, .utc_offset_seconds = 8 * 3600};
  EXPECT_EQ(judge_handshake(handshake_request(china), 0, later), kGone);
}

TEST(Handshake, CountsOfTheNode) {
  EXPECT_EQ(judge_counts(0, 0, kGone), kGone) << "T94: the handshake decides";
  EXPECT_EQ(judge_counts(0, 2, kAlive), kGone) << "T94";
  EXPECT_EQ(judge_counts(4, 2, kAlive), kAskAgain) << "T94";
  EXPECT_EQ(judge_counts(4, 4, kAlive), kAlive) << "T94";
}

TEST(NodeLock, ReadsEveryForm) {
  const NodeLock lock{.unix_seconds = kNow, .namespace_name = "default", .pod = "pod-1"};
  EXPECT_EQ(encode_node_lock(lock, vendors::LockKind::kNode), "2026-01-31T12:00:00Z,default,pod-1");
  EXPECT_EQ(*decode_node_lock("2026-01-31T12:00:00Z,default,pod-1"), lock);
  EXPECT_EQ(decode_node_lock("2026-01-31T20:00:00+08:00")->unix_seconds, kNow);
  EXPECT_EQ(decode_node_lock("2026-01-31T07:00:00-05:00")->unix_seconds, kNow);
  for (const std::string_view text :
       {"", "now", "2026-01-31T12:00:00Z,default", "2026-01-31T12:00:00+8"})
    EXPECT_FALSE(decode_node_lock(text)) << text;
}

TEST(NodeLock, ExpiresAndIsTakenOver) {
  const vendors::Lock rule{
      .kind = vendors::LockKind::kTimestamp, .annotation = "x", .expires_seconds = 120};
  const NodeLock asker{.unix_seconds = kNow, .namespace_name = "default", .pod = "b"};
  const auto ask = [&](std::int64_t written, std::string pod) {
    const NodeLock lock{written, "default", std::move(pod)};
    return ask_lock(encode_node_lock(lock, vendors::LockKind::kNode), rule, asker);
  };
  EXPECT_EQ(ask(kNow - 100, "a"), LockAnswer::kHeld) << "C4";
  EXPECT_EQ(ask(kNow - 121, "a"), LockAnswer::kFree) << "C4";
  EXPECT_EQ(ask(kNow - 100, "b"), LockAnswer::kOwn);
  EXPECT_EQ(ask_lock(std::nullopt, rule, asker), LockAnswer::kFree);
  EXPECT_EQ(ask_lock("garbage", rule, asker), LockAnswer::kFree);
}

/// What "pod" of namespace "b" gets of a lock that "a/holder" wrote some seconds ago.
LockAnswer ask_after(std::int64_t seconds, LockHolder holder) {
  const vendors::Lock rule{.kind = vendors::LockKind::kNode, .annotation = "x"};
  const NodeLock held{kNow - seconds, "a", "holder"};
  return ask_lock(encode_node_lock(held, rule.kind), rule, {kNow, "b", "pod"}, holder);
}

TEST(NodeLock, T97ToT99AndZ4WhoWaitsAndWhoTakesOver) {
  EXPECT_EQ(ask_after(1, LockHolder::kThere), LockAnswer::kHeld) << "T97";
  EXPECT_EQ(ask_after(299, LockHolder::kThere), LockAnswer::kHeld) << "Z4: five minutes";
  EXPECT_EQ(ask_after(301, LockHolder::kThere), LockAnswer::kFree) << "T98, Z4";
  EXPECT_EQ(ask_after(1, LockHolder::kGone), LockAnswer::kFree) << "T99";
}

TEST(NodeLock, T100ToT102OneHoldsItAndNobodyElseLetsItGo) {
  const vendors::Lock rule{.kind = vendors::LockKind::kNode, .annotation = "x"};
  std::optional<std::string> annotation;
  const auto lock = [&](const NodeLock& asker) {
    const LockAnswer answer = ask_lock(annotation, rule, asker);
    if (answer == LockAnswer::kFree) annotation = encode_node_lock(asker, rule.kind);
    return answer;
  };
  const NodeLock first{kNow, "default", "first"};
  const NodeLock second{kNow, "default", "second"};
  EXPECT_EQ(lock(first), LockAnswer::kFree) << "T101";
  EXPECT_EQ(lock(second), LockAnswer::kHeld) << "T101: exactly one wins; T100: not its to release";
  EXPECT_EQ(lock({kNow, "other", "first"}), LockAnswer::kHeld) << "T100: of another namespace";
  EXPECT_EQ(lock(first), LockAnswer::kOwn) << "T102: the same pod, for its second vendor";
  annotation.reset();
  EXPECT_EQ(lock(second), LockAnswer::kFree) << "T101";
}

}  // namespace
}  // namespace melon::annotations

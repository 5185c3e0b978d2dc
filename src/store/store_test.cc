// SPDX-License-Identifier: Apache-2.0
// What every store must do, run over each of them.
#include "store/store.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <fstream>

#include "store/faulty_store.h"
#include "store/grant_samples.h"

namespace melon::store {
namespace {

using testing::ElementsAre;

/// A store with what it stands on.
struct Opened {
  std::unique_ptr<TestFolder> folder;
  std::unique_ptr<Store> inner;
  std::unique_ptr<Store> store;
};

Opened in_file() {
  Opened opened;
  opened.folder = std::make_unique<TestFolder>();
  opened.store = *open_sqlite(*opened.folder / "state.db");
  return opened;
}

Opened in_memory() {
  Opened opened;
  opened.store = *open_in_memory();
  return opened;
}

Opened faulty_without_faults() {
  Opened opened;
  opened.inner = *open_in_memory();
  opened.store = std::make_unique<FaultyStore>(*opened.inner);
  return opened;
}

class Conformance : public testing::TestWithParam<Opened (*)()> {
 protected:
  Opened opened_ = GetParam()();
  Store& store_ = *opened_.store;
};

INSTANTIATE_TEST_SUITE_P(Stores, Conformance,
                         testing::Values(in_file, in_memory, faulty_without_faults));

TEST_P(Conformance, GivesBackEveryField) {
  core::Grant least;
  least.id = "g-least";
  ASSERT_TRUE(store_.apply({.put = {full_grant(1), least}}));
  EXPECT_THAT(*store_.grants(), ElementsAre(least, full_grant(1)));
}

TEST_P(Conformance, PutReplacesWhole) {
  ASSERT_TRUE(store_.apply({.put = {full_grant(1), full_grant(2)}}));
  core::Grant changed = full_grant(1);
  changed.slices.pop_back();
  changed.arguments.clear();
  changed.exit_code.reset();
  changed.request.memory.reset();
  changed.state = core::State::kRunning;
  ASSERT_TRUE(store_.apply({.put = {changed}}));
  EXPECT_THAT(*store_.grants(), ElementsAre(changed, full_grant(2)));
}

TEST_P(Conformance, RemovesWithAllThatBelongsToIt) {
  ASSERT_TRUE(store_.apply({.put = {full_grant(1), full_grant(2)}}));
  ASSERT_TRUE(store_.apply({.remove = {full_grant(1).id, "g-unknown"}}));
  EXPECT_THAT(*store_.grants(), ElementsAre(full_grant(2)));
  core::Grant bare = full_grant(1);  // no list of its former life comes back
  bare.slices.clear();
  bare.arguments.clear();
  bare.processes.clear();
  ASSERT_TRUE(store_.apply({.put = {bare}}));
  EXPECT_THAT(*store_.grants(), ElementsAre(bare, full_grant(2)));
}

TEST_P(Conformance, ReadsEventsAfterAnIdAndOfOneGrant) {
  const EventRecord one{1, 10, "created", "web-1", "m"};
  const EventRecord two{2, 20, "created", "web-2", ""};
  const EventRecord three{30, 5, "ended", "web-1", "\xff"};
  ASSERT_TRUE(store_.apply({.events = {one, two}}));
  ASSERT_TRUE(store_.apply({.events = {three}}));
  EXPECT_THAT(*store_.events({}), ElementsAre(one, two, three));
  EXPECT_THAT(*store_.events({.after_id = 1}), ElementsAre(two, three));
  EXPECT_THAT(*store_.events({.grant = "web-1"}), ElementsAre(one, three));
  EXPECT_THAT(*store_.events({.at_most = 2}), ElementsAre(two, three));
  EXPECT_THAT(*store_.events({.after_id = 30}), ElementsAre());
}

TEST_P(Conformance, ForgetsOnlyTheOldestEventsBeyondTheBound) {
  std::int64_t id = 0;
  for (int batch = 0; batch < 50; ++batch) {
    Change change;
    for (int i = 0; i < 256; ++i) change.events.push_back({.id = ++id});
    ASSERT_TRUE(store_.apply(change));
  }
  const auto kept = *store_.events({.at_most = 1'000'000});
  EXPECT_GE(kept.size(), static_cast<std::size_t>(kKeptEvents));
  EXPECT_LT(kept.size(), static_cast<std::size_t>(kKeptEvents) + 512);
  EXPECT_EQ(kept.back().id, id);
  EXPECT_EQ(kept.front().id, id - static_cast<std::int64_t>(kept.size()) + 1);
}

TEST_P(Conformance, RemembersHowLargeDevicesWere) {
  EXPECT_TRUE(store_.device_memory()->empty());
  ASSERT_TRUE(store_.apply({.device_memory = {{"uuid:1", MiB(7)}, {"uuid:2", MiB(8)}}}));
  ASSERT_TRUE(store_.apply({.device_memory = {{"uuid:1", MiB(9)}}}));
  const std::map<std::string, MiB> expected = {{"uuid:1", MiB(9)}, {"uuid:2", MiB(8)}};
  EXPECT_EQ(*store_.device_memory(), expected);
}

TEST_P(Conformance, AThousandGrantsAreWrittenAndReadTogether) {
  Change change;
  for (int i = 0; i < 1000; ++i) change.put.push_back(full_grant(i));
  ASSERT_TRUE(store_.apply(change));
  EXPECT_EQ(*store_.grants(), change.put);
}

RC_GTEST_PROP(Store, AnyMixOfChangesEqualsTheSameOnAMap, ()) {
  const auto store = *open_in_memory();
  std::map<std::string, core::Grant> model;
  const auto changes = *rc::gen::container<std::vector<std::pair<int, int>>>(
      rc::gen::pair(rc::gen::inRange(0, 8), rc::gen::inRange(0, 100)));
  for (const auto& [which, what] : changes) {
    core::Grant grant = full_grant(which);
    grant.reason = std::to_string(what);
    grant.slices.resize(static_cast<std::size_t>(what % 3));
    if (what < 70) {
      RC_ASSERT(store->apply({.put = {grant}}).has_value());
      model[grant.id] = grant;
    } else {
      RC_ASSERT(store->apply({.remove = {grant.id}}).has_value());
      model.erase(grant.id);
    }
  }
  std::vector<core::Grant> expected;
  for (const auto& [id, grant] : model) expected.push_back(grant);
  RC_ASSERT(*store->grants() == expected);  // ids rise with creation times here
}

TEST(FaultyStore, FailsAsOftenAsToldAndLeavesNothing) {
  const auto inner = *open_in_memory();
  FaultyStore store(*inner);
  store.fail_writes(2, {Code::kUnavailable, "disk full", ""});
  EXPECT_EQ(store.apply({.put = {full_grant(1)}}).error().code, Code::kUnavailable);
  EXPECT_EQ(store.apply({.device_memory = {{"a", MiB(1)}}}).error().code, Code::kUnavailable);
  EXPECT_TRUE(store.grants()->empty());
  EXPECT_TRUE(store.apply({.put = {full_grant(1)}}));
  EXPECT_EQ(store.refused(), 2);
}

}  // namespace
}  // namespace melon::store

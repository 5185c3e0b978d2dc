// SPDX-License-Identifier: Apache-2.0
// The book of grants: bookings, names, the queue and the life of a grant.
#include "agent/grant_book.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/names.h"

namespace melon::agent {
namespace {

using core::State;

constexpr std::int64_t kNow = 1'700'000'000'000;

core::Device device(const std::string& id, MiB memory) {
  return {.id = id,
          .key = "key of " + id,
          .vendor = "opencl",
          .type = "simulated",
          .simulated = true,
          .memory = memory,
          .compute_units = 4};
}

GrantBook book_of(std::vector<core::Device> devices) {
  GrantBook book({});
  book.set_devices(std::move(devices));
  return book;
}

NewGrant asking(const char* memory, std::optional<Permille> compute = {}) {
  NewGrant wanted;
  wanted.request.memory = parse_memory(memory).value();
  wanted.request.compute = compute;
  wanted.owner = 1000;
  return wanted;
}

const core::Grant& admitted(const Result<Admission>& admission) {
  return *std::get<const core::Grant*>(*admission);
}

bool is_refused(const Result<Admission>& admission) {
  return admission && std::holds_alternative<placement::Refusal>(*admission);
}

TEST(GrantBook, ReservesAndBooks) {
  GrantBook book = book_of({device("d0", MiB(1000))});
  const auto& grant = admitted(book.admit(asking("400", Permille(250)), "g-1", kNow));
  EXPECT_EQ(grant.state, State::kReserved);
  ASSERT_EQ(grant.slices.size(), 1U);
  EXPECT_EQ(grant.slices[0].memory, MiB(400));
  EXPECT_EQ(book.device_states()[0].booked_memory, MiB(400));
  EXPECT_EQ(book.device_states()[0].booked_compute, Permille(250));
  EXPECT_EQ(book.device_states()[0].grants, 1);
  book.forget("g-1");
  EXPECT_EQ(book.device_states()[0].booked_memory, MiB(0));
  EXPECT_EQ(book.device_states()[0].grants, 0);
}

TEST(GrantBook, NothingGrowsOnADeviceThatAnotherDaemonHolds) {
  core::Device held = device("d0", MiB(1000));
  GrantBook book = book_of({held});
  const auto& grant = admitted(book.admit(asking("400", Permille(250)), "g-1", kNow));
  held.health = core::Health::kHeld;
  held.health_reason = "held by process 7";
  book.set_devices({held});
  EXPECT_TRUE(is_refused(book.admit(asking("1"), "g-2", kNow)));
  for (const GrantChange& more : {GrantChange{.memory = parse_memory("401").value()},
                                  GrantChange{.compute = Permille(260)}}) {
    const auto refused = book.change("g-1", more);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
    EXPECT_NE(refused.error().message.find("process 7"), std::string::npos);
  }
  EXPECT_EQ(grant.slices[0].memory, MiB(400));
  EXPECT_TRUE(book.change("g-1", {.memory = parse_memory("300").value()}));
  EXPECT_EQ(grant.slices[0].memory, MiB(300));
}

TEST(GrantBook, MakesANameThatIsALabel) {
  GrantBook book = book_of({device("d0", MiB(1000))});
  const auto& grant = admitted(book.admit(asking("1"), "g-abcdefghijkl", kNow));
  EXPECT_TRUE(core::check_name(grant.name)) << grant.name;
}

TEST(GrantBook, NamesAreUniqueOnlyAmongTheLiving) {
  GrantBook book = book_of({device("d0", MiB(1000))});
  NewGrant wanted = asking("10");
  wanted.name = "web";
  ASSERT_TRUE(book.admit(wanted, "g-1", kNow));
  const auto second = book.admit(wanted, "g-2", kNow);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAlreadyExists);
  book.end("g-1", State::kExited, "", kNow + 1);
  EXPECT_TRUE(book.admit(wanted, "g-2", kNow + 2));
  EXPECT_EQ(book.find("web")->id, "g-2");
  EXPECT_EQ(book.find("g-1")->state, State::kExited);
}

TEST(GrantBook, RefusesWithReasonsWhenNotToldToWait) {
  GrantBook book = book_of({device("d0", MiB(1000))});
  EXPECT_TRUE(is_refused(book.admit(asking("1001"), "g-1", kNow)));
  EXPECT_TRUE(book.grants().empty());
}

TEST(GrantBook, WaitingIsRefusedForWhatCanNeverFit) {
  GrantBook book = book_of({device("d0", MiB(1000))});
  NewGrant wanted = asking("1001");
  wanted.wait = true;
  EXPECT_TRUE(is_refused(book.admit(wanted, "g-1", kNow)));
}

TEST(GrantBook, TheQueueIsServedInOrderAndNobodyOvertakes) {
  GrantBook book = book_of({device("d0", MiB(1000))});
  ASSERT_TRUE(book.admit(asking("800"), "g-1", kNow));
  NewGrant large = asking("900");
  large.wait = true;
  EXPECT_EQ(admitted(book.admit(large, "g-2", kNow + 1)).state, State::kQueued);
  // 200 MiB are free, but who takes them could keep the large one waiting.
  EXPECT_TRUE(is_refused(book.admit(asking("200"), "g-3", kNow + 2)));
  NewGrant small = asking("50");
  small.wait = true;
  EXPECT_EQ(admitted(book.admit(small, "g-4", kNow + 3)).state, State::kQueued);
  EXPECT_TRUE(book.refusal_of(*book.at("g-4")).has_value());

  book.end("g-1", State::kExited, "", kNow + 4);
  EXPECT_EQ(book.serve_queue(kNow + 5), (std::vector<std::string>{"g-2", "g-4"}));
  EXPECT_EQ(book.at("g-2")->state, State::kReserved);
  EXPECT_EQ(book.at("g-4")->state, State::kReserved);
  EXPECT_FALSE(book.refusal_of(*book.at("g-4")).has_value());
}

TEST(GrantBook, NothingGrowsIntoWhatAWaitingOneReserves) {
  GrantBook book = book_of({device("d0", MiB(1000))});
  ASSERT_TRUE(book.admit(asking("300", Permille(250)), "g-1", kNow));
  ASSERT_TRUE(book.admit(asking("300"), "g-2", kNow));
  NewGrant large = asking("700", Permille(500));
  large.wait = true;
  ASSERT_EQ(admitted(book.admit(large, "g-3", kNow + 1)).state, State::kQueued);
  // 400 MiB and three quarters of the compute are free, but they are the large one's.
  for (const GrantChange& more : {GrantChange{.memory = parse_memory("301").value()},
                                  GrantChange{.compute = Permille(251)}}) {
    const auto refused = book.change("g-1", more);
    ASSERT_TRUE(is_refused(refused));
    const auto& refusal = std::get<placement::Refusal>(*refused);
    ASSERT_EQ(refusal.rejections.size(), 1U);
    EXPECT_EQ(refusal.rejections[0].rule, "queue");
    EXPECT_FALSE(refusal.memory_that_fits) << "nothing of more is on offer";
    EXPECT_EQ(book.device_states()[0].booked_memory, MiB(600));
  }
  ASSERT_FALSE(is_refused(book.change("g-1", {.priority = core::Priority::kHigh})));
  ASSERT_FALSE(is_refused(book.change("g-1", {.memory = parse_memory("290").value()})));
  EXPECT_TRUE(is_refused(book.change("g-1", {.memory = parse_memory("300").value()})))
      << "what was given back is the waiting one's too";
  book.end("g-2", State::kExited, "", kNow + 2);
  ASSERT_EQ(book.serve_queue(kNow + 3), std::vector<std::string>{"g-3"});
  ASSERT_FALSE(is_refused(book.change("g-1", {.memory = parse_memory("300").value()})));
}

TEST(GrantBook, WhoWaitsWithoutBookingComputeReservesNone) {
  GrantBook book = book_of({device("d0", MiB(1000))});
  ASSERT_TRUE(book.admit(asking("300", Permille(250)), "g-1", kNow));
  NewGrant large = asking("900");
  large.wait = true;
  ASSERT_EQ(admitted(book.admit(large, "g-2", kNow + 1)).state, State::kQueued);
  EXPECT_FALSE(is_refused(book.change("g-1", {.compute = Permille(500)})));
  EXPECT_TRUE(is_refused(book.change("g-1", {.memory = parse_memory("301").value()})));
}

TEST(GrantBook, AChangeGrowsOnDevicesThatNobodyWaitsFor) {
  GrantBook book = book_of({device("d0", MiB(1000)), device("d1", MiB(100))});
  NewGrant small = asking("50");
  small.request.device = "d1";
  ASSERT_TRUE(book.admit(small, "g-1", kNow));
  NewGrant first = asking("900");
  first.request.device = "d0";
  ASSERT_TRUE(book.admit(first, "g-2", kNow));
  NewGrant large = asking("800");  // d1 could never hold it
  large.wait = true;
  ASSERT_EQ(admitted(book.admit(large, "g-3", kNow + 1)).state, State::kQueued);
  ASSERT_FALSE(is_refused(book.change("g-1", {.memory = parse_memory("100").value()})));
  EXPECT_TRUE(is_refused(book.change("g-2", {.memory = parse_memory("901").value()})));
}

TEST(GrantBook, GivesUpWaitingAtItsTime) {
  GrantBook book = book_of({device("d0", MiB(1000))});
  ASSERT_TRUE(book.admit(asking("800"), "g-1", kNow));
  NewGrant wanted = asking("900");
  wanted.wait = true;
  wanted.wait_seconds = 5;
  ASSERT_TRUE(book.admit(wanted, "g-2", kNow));
  EXPECT_TRUE(book.serve_queue(kNow + 4999).empty());
  EXPECT_EQ(book.serve_queue(kNow + 5000), std::vector<std::string>{"g-2"});
  EXPECT_EQ(book.at("g-2")->state, State::kFailed);
}

TEST(GrantBook, AChangeStaysOnItsDeviceAndNeverOverbooks) {
  GrantBook book = book_of({device("d0", MiB(1000)), device("d1", MiB(5000))});
  const std::string home =
      admitted(book.admit(asking("400", Permille(500)), "g-1", kNow)).slices[0].device;
  ASSERT_EQ(home, "d0");
  ASSERT_TRUE(book.admit(asking("400", Permille(400)), "g-2", kNow));
  EXPECT_TRUE(is_refused(book.change("g-1", {.memory = parse_memory("601").value()})));
  EXPECT_EQ(book.at("g-1")->slices[0].memory, MiB(400));
  ASSERT_FALSE(is_refused(book.change("g-1", {.memory = parse_memory("600").value()})));
  EXPECT_EQ(book.at("g-1")->slices[0].memory, MiB(600));
  EXPECT_EQ(book.at("g-1")->slices[0].device, "d0");
  EXPECT_TRUE(is_refused(book.change("g-1", {.compute = Permille(601)})));
  EXPECT_FALSE(is_refused(book.change("g-1", {.compute = Permille(600)})));
}

TEST(GrantBook, WhatGrowsNowhereIsChangedOnAnOverbookedDeviceToo) {
  GrantBook book = book_of({device("d0", MiB(1000))});
  admitted(book.admit(asking("600", Permille(250)), "g-1", kNow));
  book.set_devices({device("d0", MiB(500))});
  EXPECT_TRUE(is_refused(book.change("g-1", {.memory = parse_memory("601").value()})));
  EXPECT_EQ(admitted(book.change("g-1", {.memory = parse_memory("550").value()})).slices[0].memory,
            MiB(550));
  EXPECT_EQ(admitted(book.change("g-1", {.priority = core::Priority::kHigh})).request.priority,
            core::Priority::kHigh);
  EXPECT_EQ(admitted(book.change("g-1", {.compute = Permille(200)})).slices[0].compute,
            Permille(200));
  EXPECT_EQ(book.device_states()[0].booked_compute, Permille(200));
  EXPECT_TRUE(is_refused(book.admit(asking("1"), "g-2", kNow)));
}

TEST(GrantBook, WhatGrowsNowhereIsChangedWhereTheDeviceIsGoneToo) {
  GrantBook book = book_of({device("d0", MiB(1000))});
  admitted(book.admit(asking("600", Permille(250)), "g-1", kNow));
  book.set_devices({});
  EXPECT_TRUE(is_refused(book.change("g-1", {.memory = parse_memory("50%").value()})));
  EXPECT_EQ(admitted(book.change("g-1", {.memory = parse_memory("500").value()})).slices[0].memory,
            MiB(500));
  book.set_devices({device("d0", MiB(1000))});
  EXPECT_EQ(book.device_states()[0].booked_memory, MiB(500));
}

TEST(GrantBook, ShareModesChangeIntoEachOther) {
  GrantBook book = book_of({device("d0", MiB(1000))});
  ASSERT_TRUE(book.admit(asking("400", Permille(500)), "g-1", kNow));
  ASSERT_TRUE(book.change("g-1", {.share = core::ShareMode::kWeighted}));
  EXPECT_EQ(book.at("g-1")->request.compute, std::nullopt);
  EXPECT_EQ(book.device_states()[0].booked_compute, Permille(0));
  ASSERT_TRUE(book.change("g-1", {.compute = Permille(300)}));
  EXPECT_EQ(book.at("g-1")->request.share_mode(), core::ShareMode::kHard);
  EXPECT_EQ(book.device_states()[0].booked_compute, Permille(300));
}

TEST(GrantBook, RunsSuspendsResumesAndEnds) {
  GrantBook book = book_of({device("d0", MiB(1000))});
  ASSERT_TRUE(book.admit(asking("400"), "g-1", kNow));
  EXPECT_EQ(book.change_suspended("g-1", true).error().code, Code::kFailedPrecondition);
  ASSERT_TRUE(book.add_process("g-1", {.pid = 7, .start_ticks = 1}));
  EXPECT_EQ(book.at("g-1")->state, State::kRunning);
  ASSERT_TRUE(book.change_suspended("g-1", true));
  EXPECT_EQ(book.at("g-1")->state, State::kSuspended);
  ASSERT_TRUE(book.change_suspended("g-1", false));
  book.set_exit_code("g-1", 3);
  book.end("g-1", State::kFailed, "exit status 3", kNow + 9);
  EXPECT_EQ(book.at("g-1")->ended_unix_ms, kNow + 9);
  EXPECT_EQ(book.device_states()[0].booked_memory, MiB(0));
  EXPECT_FALSE(book.add_process("g-1", {.pid = 8, .start_ticks = 1}));
  EXPECT_FALSE(book.change("g-1", {.weight = 3}));
}

TEST(GrantBook, ForgetsTheOldestFinishedOnes) {
  GrantBook book = book_of({device("d0", MiB(1000))});
  for (int i = 0; i < 5; ++i) {
    const std::string id = "g-" + std::to_string(i);
    ASSERT_TRUE(book.admit(asking("1"), id, kNow + i));
    if (i < 4) book.end(id, State::kExited, "", kNow + 10 + i);
  }
  EXPECT_EQ(book.forget_finished(2, 100), (std::vector<std::string>{"g-1", "g-0"}));
  EXPECT_EQ(book.grants().size(), 3U);
}

TEST(GrantBook, NoOwnersEndsMakeAnothersForgotten) {
  GrantBook book = book_of({device("d0", MiB(1000))});
  const auto ended = [&book](const std::string& id, std::uint32_t owner) {
    NewGrant wanted = asking("1");
    wanted.owner = owner;
    ASSERT_TRUE(book.admit(wanted, id, kNow));
    book.end(id, State::kExited, "", kNow);
  };
  ended("g-alice1", 1);
  ended("g-alice2", 1);
  for (int i = 0; i < 6; ++i) ended("g-bob-" + std::to_string(i), 2);
  EXPECT_EQ(book.forget_finished(4, 100), (std::vector<std::string>{"g-bob-1", "g-bob-0"}));
  ended("g-carol", 3);
  // All together too many: who has most loses first.
  EXPECT_EQ(book.forget_finished(4, 5), (std::vector<std::string>{"g-bob-3", "g-bob-2"}));
  EXPECT_EQ(book.forget_finished(4, 3), (std::vector<std::string>{"g-bob-4", "g-alice1"}));
  for (const char* const id : {"g-alice2", "g-bob-5", "g-carol"})
    EXPECT_NE(book.at(id), nullptr) << id;
  EXPECT_TRUE(book.forget_finished(4, 3).empty());
}

TEST(GrantBook, ANameIsNoGrantsId) {
  GrantBook book = book_of({device("d0", MiB(1000))});
  NewGrant wanted = asking("1");
  wanted.name = "g-5wnenhx6eoni";
  const auto refused = book.admit(wanted, "g-1", kNow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_NE(refused.error().message.find("'g-5wnenhx6eoni'"), std::string::npos);
  wanted.name = "g-5wnenhx6eoni-1";
  EXPECT_TRUE(book.admit(wanted, "g-1", kNow));
}

TEST(GrantBook, IsTheSameAfterARestart) {
  GrantBook before = book_of({device("d0", MiB(1000))});
  ASSERT_TRUE(before.admit(asking("800", Permille(100)), "g-1", kNow));
  for (int i = 2; i < 5; ++i) {
    NewGrant wanted = asking("900");
    wanted.wait = true;
    ASSERT_TRUE(before.admit(wanted, "g-" + std::to_string(i), kNow + i));
  }
  GrantBook after = book_of({device("d0", MiB(1000))});
  for (const core::Grant* const grant : before.grants()) after.restore(*grant);
  EXPECT_EQ(after.device_states()[0].booked_memory, MiB(800));
  ASSERT_EQ(after.grants().size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(*after.grants()[i], *before.grants()[i]);
  after.end("g-1", State::kExited, "", kNow + 9);
  EXPECT_EQ(after.serve_queue(kNow + 9), std::vector<std::string>{"g-2"});
}

/// One thing that a caller may do, drawn at random.
struct Step {
  int kind;
  int target;
  int memory;
  int compute;
};

rc::Gen<Step> any_step() {
  return rc::gen::build<Step>(rc::gen::set(&Step::kind, rc::gen::inRange(0, 4)),
                              rc::gen::set(&Step::target, rc::gen::inRange(0, 20)),
                              rc::gen::set(&Step::memory, rc::gen::inRange(1, 1500)),
                              rc::gen::set(&Step::compute, rc::gen::inRange(1, 1001)));
}

void take(GrantBook& book, const Step& step, int number) {
  const std::string target = "g-" + std::to_string(step.target);
  const core::Grant* const grant = book.at(target);
  if (step.kind < 2) {
    NewGrant wanted = asking(std::to_string(step.memory).c_str(), Permille(step.compute));
    wanted.wait = step.kind == 1;
    wanted.name = "n" + std::to_string(number);
    (void)book.admit(wanted, "g-" + std::to_string(number), kNow + number).has_value();
  } else if (step.kind == 2 && grant != nullptr && !core::is_over(grant->state)) {
    (void)book
        .change(target, {.memory = MemoryAmount{.absolute = MiB(step.memory), .of_device = {}},
                         .compute = Permille(step.compute)})
        .has_value();
  } else if (grant != nullptr) {
    book.end(target, State::kExited, "", kNow + number);
  }
  book.serve_queue(kNow + number);
}

RC_GTEST_PROP(GrantBook, NeverBooksMoreThanADeviceHas, ()) {
  GrantBook book = book_of({device("d0", MiB(1000)), device("d1", MiB(1200))});
  int number = 0;
  for (const Step& step : *rc::gen::container<std::vector<Step>>(any_step())) {
    take(book, step, number++);
    for (const placement::DeviceState& state : book.device_states()) {
      RC_ASSERT(state.booked_memory <= state.device.memory);
      RC_ASSERT(state.booked_compute <= kWholeDevice);
    }
    for (const core::Grant* const grant : book.grants())
      RC_ASSERT(core::holds_slices(grant->state) == false || !grant->slices.empty());
  }
}

}  // namespace
}  // namespace melon::agent

// SPDX-License-Identifier: Apache-2.0
// Who starts when, by hand and as laws: nobody overtakes, nobody is starved.
#include "placement/queue.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <map>

#include "placement/testing.h"

namespace melon::placement {
namespace {

using core::Request;
using testing::amount;
using testing::any_good_devices;
using testing::any_request;
using testing::booked;
using testing::gpu;
using testing::machine_of;
using testing::place;

/// In order of arrival, with grants by their place in it.
std::vector<Waiter> queue_of(std::span<const Request> requests) {
  std::vector<Waiter> waiting;
  for (const Request& request : requests)
    waiting.push_back({"w-" + std::to_string(waiting.size()), request});
  return waiting;
}

std::vector<Start> next_starts(std::span<const DeviceState> devices,
                               std::span<const Request> waiting) {
  Machine machine = machine_of(devices, {});
  auto starts = start_waiting(machine, queue_of(waiting));
  int booked = 0;
  for (const DeviceState& state : machine.states()) booked += state.grants;
  for (const DeviceState& state : devices) booked -= state.grants;
  for (const Start& start : starts) booked -= static_cast<int>(start.placement.size());
  EXPECT_EQ(booked, 0) << "who starts holds its slices";
  return starts;
}

std::vector<std::size_t> waiters_of(const std::vector<Start>& starts) {
  std::vector<std::size_t> waiters;
  for (const Start& start : starts) waiters.push_back(start.waiter);
  return waiters;
}

TEST(Queue, SmallOnesDoNotOvertakeALargeOne) {
  const DeviceState devices[] = {booked(gpu("a", MiB(100)), MiB(50), Permille(0))};
  const Request waiting[] = {{.memory = amount(80)}, {.memory = amount(10)}};
  EXPECT_TRUE(next_starts(devices, waiting).empty());
  const auto refused =
      place_behind(machine_of(devices, {}), queue_of(std::span(waiting).first(1)), waiting[1]);
  ASSERT_TRUE(std::holds_alternative<Refusal>(refused));
  EXPECT_EQ(std::get<Refusal>(refused).rejections.front().rule, "queue");
  EXPECT_TRUE(std::get<Refusal>(refused).can_ever_fit);
}

TEST(Queue, StartsAllThatFitInOrder) {
  const DeviceState devices[] = {gpu("a", MiB(100))};
  const Request waiting[] = {{.memory = amount(60)}, {.memory = amount(40)}, {.memory = amount(1)}};
  EXPECT_EQ(waiters_of(next_starts(devices, waiting)), (std::vector<std::size_t>{0, 1}));
}

TEST(Queue, ALaterOneUsesDevicesThatNoEarlierOneCould) {
  const DeviceState devices[] = {booked(gpu("large", MiB(100)), MiB(50), Permille(0)),
                                 gpu("small", MiB(20))};
  const Request waiting[] = {{.memory = amount(80)}, {.memory = amount(10)}};
  const auto starts = next_starts(devices, waiting);
  ASSERT_EQ(waiters_of(starts), (std::vector<std::size_t>{1}));
  EXPECT_EQ(starts.front().placement.front().device, "small");
}

TEST(Queue, OneThatCanNeverStartHoldsNobodyUp) {
  const DeviceState devices[] = {gpu("a", MiB(100)), gpu("b", MiB(100))};
  const Request waiting[] = {{.memory = amount(10), .count = 3}, {.memory = amount(10)}};
  EXPECT_EQ(waiters_of(next_starts(devices, waiting)), (std::vector<std::size_t>{1}));
}

TEST(Queue, ADeviceThatIsAwayStaysReserved) {
  DeviceState sick = gpu("a", MiB(100));
  sick.device.health = core::Health::kUnhealthy;
  const Request waiting[] = {{.memory = amount(10), .device = "a"}, {.memory = amount(10)}};
  const DeviceState devices[] = {sick};
  EXPECT_TRUE(next_starts(devices, waiting).empty());
  sick.device.health = core::Health::kHealthy;
  const DeviceState well[] = {sick};
  EXPECT_EQ(next_starts(well, waiting).size(), 2U);
}

/// A machine in time: requests wait from the beginning; each runs for its own time.
class Simulation {
 public:
  Simulation(std::vector<DeviceState> devices, std::vector<Request> waiting,
             std::vector<int> run_times)
      : machine_(machine_of(devices, {})),
        waiting_(queue_of(waiting)),
        run_times_(std::move(run_times)) {
    for (std::size_t i = 0; i < waiting_.size(); ++i) order_.push_back(i);
  }

  /// When each request started; those that never did are absent.
  std::map<std::size_t, int> run() {
    for (int now = 0; now < kEnd; ++now) {
      release(now);
      start(now);
    }
    return started_;
  }

 private:
  static constexpr int kEnd = 200;

  void release(int now) {
    for (auto it = running_.begin(); it != running_.end();) {
      if (it->first > now) break;
      machine_.release(it->second);
      it = running_.erase(it);
    }
  }

  void start(int now) {
    std::vector<Waiter> waiting;
    for (const std::size_t index : order_) waiting.push_back(waiting_.at(index));
    const auto starts = start_waiting(machine_, waiting);
    for (auto start = starts.rbegin(); start != starts.rend(); ++start) {  // clang 14 has no views
      const std::size_t index = order_.at(start->waiter);
      started_[index] = now;
      running_.emplace(now + run_times_.at(index), waiting_.at(index).grant);
      order_.erase(order_.begin() + static_cast<std::ptrdiff_t>(start->waiter));
    }
    for (const DeviceState& state : machine_.states()) {
      RC_ASSERT(state.booked_memory <= state.device.memory);
      RC_ASSERT(state.booked_compute <= kWholeDevice);
    }
  }

  Machine machine_;
  std::vector<Waiter> waiting_;
  std::vector<int> run_times_;
  std::vector<std::size_t> order_;
  std::multimap<int, std::string> running_;  // by their end
  std::map<std::size_t, int> started_;
};

struct Workload {
  std::vector<DeviceState> devices;
  std::vector<Request> requests;
  std::vector<int> run_times;
};

Workload any_workload() {
  Workload workload{.devices = any_good_devices(), .requests = {}, .run_times = {}};
  const int count = *rc::gen::inRange(2, 10);
  for (int i = 0; i < count; ++i) {
    workload.requests.push_back(any_request());
    workload.run_times.push_back(*rc::gen::inRange(1, 10));
  }
  return workload;
}

RC_GTEST_PROP(QueueLaws, WhoComesLaterChangesNothingForThoseBefore, ()) {
  const Workload all = any_workload();
  const auto shorter =
      static_cast<std::size_t>(*rc::gen::inRange<int>(1, static_cast<int>(all.requests.size())));
  Workload first = all;
  first.requests.resize(shorter);
  first.run_times.resize(shorter);
  const auto with = Simulation(all.devices, all.requests, all.run_times).run();
  const auto without = Simulation(first.devices, first.requests, first.run_times).run();
  for (std::size_t i = 0; i < shorter; ++i) {
    RC_ASSERT(with.contains(i) == without.contains(i));
    if (with.contains(i)) RC_ASSERT(with.at(i) == without.at(i));
  }
}

RC_GTEST_PROP(QueueLaws, EverybodyWhoCouldStartAloneStarts, ()) {
  const Workload all = any_workload();
  const auto started = Simulation(all.devices, all.requests, all.run_times).run();
  for (std::size_t i = 0; i < all.requests.size(); ++i)
    RC_ASSERT(started.contains(i) ==
              std::holds_alternative<Placement>(place(all.devices, all.requests.at(i), {})));
}

RC_GTEST_PROP(QueueLaws, ANewcomerIsPlacedExactlyWhenItWouldStartAsTheLastInTheQueue, ()) {
  const auto devices = any_good_devices();
  Machine machine = machine_of(devices, {});
  std::vector<Waiter> waiting;
  for (int i = 0; i < 4; ++i) {
    const Waiter newcomer{"n-" + std::to_string(i), any_request()};
    const auto decision = place_behind(machine, waiting, newcomer.request);
    auto queue = waiting;
    queue.push_back(newcomer);
    const auto starts = start_waiting(machine, queue);
    const bool starts_now = !starts.empty() && starts.back().waiter == waiting.size();
    RC_ASSERT(starts_now == std::holds_alternative<Placement>(decision));
    if (starts_now)
      RC_ASSERT(starts.back().placement == std::get<Placement>(decision));
    else
      waiting.push_back(newcomer);
  }
}

}  // namespace
}  // namespace melon::placement

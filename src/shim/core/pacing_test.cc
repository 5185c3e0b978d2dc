// SPDX-License-Identifier: Apache-2.0
// Pacing of one tenant beyond the plain limit: first seconds, live changes, gates, hangs.

#include <gtest/gtest.h>
#include <chrono>
#include <filesystem>
#include <thread>

#include "shim/core/simulated_device.h"

namespace melon::shim {
namespace {

using Sharing = SimulatedDevice::Sharing;

/// A tenant with a clock set by hand and a meter set by hand.
class ByHand : public testing::Test {
 public:
  Nanoseconds consumed() const { return consumed_; }

 protected:
  void open(const TestLimits& limits, bool with_meter = true) {
    grants_.add("g", limits);
    tenant_ = grants_.open("g", clock_);
    ASSERT_EQ(tenant_->find_device(kTestKey), 0);
    DeviceSource source{};
    source.context = this;
    if (with_meter)
      source.consumed = [](void* self) { return static_cast<ByHand*>(self)->consumed(); };
    tenant_->attach(0, source);
  }

  bool admit(Order order = Order::kInOrder, std::uint64_t key = 1) {
    return tenant_->try_admit(0, queue_, key, order, launch_, again_);
  }
  /// The launch takes `cost` on the device and its notice arrives.
  void run(Nanoseconds cost) {
    now_ += cost;
    consumed_ += cost;
    if (launch_.flight != nullptr) tenant_->finish(launch_.flight, now_ - cost, now_);
  }
  /// Until the key's cost is known.
  void learn(Nanoseconds cost) {
    for (int i = 0; i < 20; ++i) {
      while (!admit()) now_ = again_;
      run(cost);
    }
    now_ += kSecond;
  }

  TestGrants grants_;
  Nanoseconds now_ = 50 * kSecond, consumed_ = 0, again_ = 0;
  Clock clock_ = {[](void* self) { return static_cast<ByHand*>(self)->now_; },
                  [](void*, Nanoseconds) {}, this};
  Tenant* tenant_ = nullptr;
  QueueState queue_;
  Launch launch_;
};

std::size_t threads_of_process() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task"))
    ++count;
  return count;
}

TEST(Pacing, TheFirstSecondWithUnknownLongKernels) {
  for (const Sharing sharing : {Sharing::kProcessor, Sharing::kSliced}) {
    TestGrants grants;
    grants.add("g", {.compute_permille = 200});
    SimulatedDevice device(grants, sharing);
    device.start({.grant = "g", .kernels = {10 * kMillisecond}});
    EXPECT_LE(share_over(device, 0, kSecond), 30);
  }
}

TEST(Pacing, ASynchronousProgramBelowItsLimitIsNotSlowed) {
  for (const Sharing sharing : {Sharing::kProcessor, Sharing::kSliced}) {
    for (const Nanoseconds kernel : {100 * kMicrosecond, kMillisecond, 5 * kMillisecond}) {
      double shares[2] = {};
      for (const unsigned permille : {1000u, 500u}) {
        TestGrants grants;
        grants.add("g", {.compute_permille = permille});
        SimulatedDevice device(grants, sharing);
        device.start(
            {.grant = "g", .kernels = {kernel}, .synchronous = true, .think = kernel * 115 / 100});
        device.run_for(kSecond);
        shares[permille == 500] = share_over(device, 0, 10 * kSecond);
      }
      EXPECT_NEAR(shares[1], shares[0], 1) << kernel;
      EXPECT_GT(shares[0], 43);
    }
  }
}

TEST(Pacing, ManyQueuesAndMixedKernelsMeetTheLimit) {
  for (const Sharing sharing : {Sharing::kProcessor, Sharing::kSliced}) {
    for (const Order order : {Order::kInOrder, Order::kUnordered}) {
      TestGrants grants;
      grants.add("g", {.compute_permille = 300});
      SimulatedDevice device(grants, sharing);
      device.start(
          {.grant = "g",
           .kernels = {20 * kMicrosecond, 3 * kMillisecond, 150 * kMicrosecond, 50 * kMicrosecond},
           .queues = 5,
           .order = order});
      device.run_for(kSecond);
      EXPECT_NEAR(share_over(device, 0, 10 * kSecond), 30, 2) << static_cast<int>(order);
    }
  }
}

TEST(Pacing, LiveChangesTakeEffect) {
  for (const Sharing sharing : {Sharing::kProcessor, Sharing::kSliced}) {
    TestGrants grants;
    grants.add("g", {.compute_permille = 500});
    SimulatedDevice device(grants, sharing);
    device.start({.grant = "g", .kernels = {5 * kMillisecond}, .depth = 8});
    for (const unsigned permille : {500u, 200u, 10u, 800u, 1000u, 300u}) {
      grants.set("g", {.compute_permille = permille});
      device.run_for(kSecond);
      EXPECT_NEAR(share_over(device, 0, 4 * kSecond), permille / 10.0, 2) << permille;
    }
  }
}

TEST(Pacing, CompilationIsNotCharged) {
  TestGrants grants;
  grants.add("g", {.compute_permille = 200});
  SimulatedDevice device(grants, Sharing::kProcessor);
  device.start({.grant = "g", .kernels = {kMillisecond}, .compile = 800 * kMillisecond});
  device.run_for(850 * kMillisecond);
  // Charged, 800 ms would hold launches for four seconds.
  EXPECT_NEAR(share_over(device, 0, kSecond), 20, 3);
  EXPECT_LT(device.tenant(0).report(0).consumed, 250 * kMillisecond);
}

TEST(Pacing, SuspensionDrainsAndResumptionLosesNothing) {
  for (const Sharing sharing : {Sharing::kProcessor, Sharing::kSliced}) {
    TestGrants grants;
    grants.add("g", {.compute_permille = 900});
    SimulatedDevice device(grants, sharing);
    device.start({.grant = "g", .kernels = {kMillisecond}});
    device.run_for(2 * kSecond);
    grants.set("g", {.compute_permille = 900, .suspended = true});
    device.announce_policy();
    device.run_for(10 * kMillisecond);
    EXPECT_TRUE(device.tenant(0).drain(0, 0));
    EXPECT_EQ(device.finished(0), device.launched(0)) << "what was let through has run";
    EXPECT_EQ(share_over(device, 0, 5 * kSecond), 0);
    grants.set("g", {.compute_permille = 900});
    device.announce_policy();
    const std::uint64_t before = device.launched(0);
    device.run_for(kMillisecond);
    EXPECT_GT(device.launched(0), before);
    device.run_for(kSecond);
    EXPECT_NEAR(share_over(device, 0, 2 * kSecond), 90, 2);
  }
}

TEST(Pacing, AnUnlimitedTenantIsSuspendedToo) {
  TestGrants grants;
  grants.add("g", {});
  SimulatedDevice device(grants, Sharing::kProcessor);
  device.start({.grant = "g", .kernels = {kMillisecond}, .depth = 4});
  device.run_for(kSecond);
  grants.set("g", {.suspended = true});
  device.run_for(10 * kMillisecond);
  EXPECT_EQ(share_over(device, 0, kSecond), 0);
  grants.set("g", {});
  device.announce_policy();
  device.run_for(kMillisecond);
  EXPECT_GT(share_over(device, 0, kSecond), 97);
}

TEST(Pacing, TheDevicesClockMayDifferAndJump) {
  for (const Sharing sharing : {Sharing::kProcessor, Sharing::kSliced}) {
    TestGrants grants;
    grants.add("g", {.compute_permille = 300});
    SimulatedDevice device(grants, sharing);
    device.skew(40'000 * kSecond, 0.0002);
    device.start({.grant = "g", .kernels = {500 * kMicrosecond}});
    device.run_for(kSecond);
    EXPECT_NEAR(share_over(device, 0, 5 * kSecond), 30, 1.5);
    for (const Nanoseconds offset : {Nanoseconds{0}, 90'000 * kSecond, 7 * kSecond}) {
      device.skew(offset, -0.0002);
      EXPECT_NEAR(share_over(device, 0, 5 * kSecond), 30, 1.5) << offset;
    }
  }
}

TEST(Pacing, AStopOfFiveSecondsLeavesNeitherBurstNorDebt) {
  for (const Sharing sharing : {Sharing::kProcessor, Sharing::kSliced}) {
    TestGrants grants;
    grants.add("g", {.compute_permille = 500});
    SimulatedDevice device(grants, sharing);
    device.start({.grant = "g", .kernels = {kMillisecond}});
    device.run_for(2 * kSecond);
    device.stop(0, device.now() + 5 * kSecond);
    device.run_for(5 * kSecond);
    // The burst, 10 ms, and the work in flight on top of the half.
    const double first = share_over(device, 0, 100 * kMillisecond);
    EXPECT_LE(first, 50 + 10 + 5);
    EXPECT_GE(first, 45);
    EXPECT_NEAR(share_over(device, 0, kSecond), 50, 2);
  }
}

TEST_F(ByHand, WithoutALimitNothingIsHeldOrMeasured) {
  open({});
  const std::size_t threads = threads_of_process();
  EXPECT_FALSE(tenant_->pacing(0));
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(admit());
    ASSERT_EQ(launch_.flight, nullptr);
  }
  EXPECT_GE(tenant_->report(0).launches, 980u);
  tenant_->close_queue(0, queue_);
  EXPECT_EQ(tenant_->report(0).launches, 1000u);
  EXPECT_EQ(threads_of_process(), threads);
}

TEST_F(ByHand, PacingStartsNoThreadEither) {
  const std::size_t threads = threads_of_process();
  open({.compute_permille = 100});
  learn(kMillisecond);
  EXPECT_EQ(threads_of_process(), threads);
}

TEST_F(ByHand, AnUnlimitedTenantShowsWhatItConsumes) {
  open({});
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(admit());
    run(10 * kMillisecond);
  }
  EXPECT_GT(tenant_->report(0).consumed, 1500 * kMillisecond);
}

TEST_F(ByHand, CancelledLaunchesCostNothing) {
  open({.compute_permille = 100});
  learn(2 * kMillisecond);
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(admit()) << i;
    tenant_->cancel(launch_, queue_);
  }
  EXPECT_TRUE(tenant_->drain(0, 0));
}

TEST_F(ByHand, ACancelledNoticeLeavesEarlierLaunchesToTheNext) {
  open({.compute_permille = 500});
  learn(50 * kMicrosecond);
  tenant_->close_queue(0, queue_);
  Nanoseconds run_of = 0;
  unsigned launched = 0;
  do {
    ASSERT_TRUE(admit());
    ++launched;
    run_of += 50 * kMicrosecond;
  } while (launch_.flight == nullptr);
  ASSERT_GT(launched, 1u);
  tenant_->cancel(launch_, queue_);
  const Nanoseconds before = tenant_->report(0).consumed;
  ASSERT_TRUE(admit());
  ASSERT_NE(launch_.flight, nullptr);
  now_ += run_of;
  consumed_ += run_of;
  tenant_->finish(launch_.flight, now_ - 50 * kMicrosecond, now_);
  EXPECT_EQ(tenant_->report(0).consumed - before, run_of);
}

TEST_F(ByHand, AMeterThatStandsStillDoesNotRemoveTheLimit) {
  open({.compute_permille = 200});
  Nanoseconds work = 0;
  const Nanoseconds begin = now_;
  while (now_ < begin + 5 * kSecond) {
    if (!admit()) {
      now_ = again_;
      continue;
    }
    now_ += kMillisecond;
    work += kMillisecond;
    if (launch_.flight != nullptr) tenant_->finish(launch_.flight, now_ - kMillisecond, now_);
  }
  EXPECT_NEAR(static_cast<double>(work) / static_cast<double>(5 * kSecond), 0.2, 0.03);
}

TEST_F(ByHand, WithoutTimestampsTheHostsClockCounts) {
  open({.compute_permille = 200}, false);
  Nanoseconds work = 0;
  const Nanoseconds begin = now_;
  while (now_ < begin + 5 * kSecond) {
    if (!admit()) {
      now_ = again_;
      continue;
    }
    now_ += kMillisecond;
    work += kMillisecond;
    if (launch_.flight != nullptr) tenant_->finish(launch_.flight, 0, 0);
  }
  EXPECT_NEAR(static_cast<double>(work) / static_cast<double>(5 * kSecond), 0.2, 0.03);
}

// --- gates: what waits for the program itself must not hold the program.

TEST_F(ByHand, GatedLaunchesDoNotFillTheQueue) {
  open({.compute_permille = 100});
  learn(2 * kMillisecond);
  std::vector<Launch> gated;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(admit(Order::kGated, 2)) << i;  // also of a key never seen
    ASSERT_NE(launch_.flight, nullptr);
    gated.push_back(launch_);
  }
  EXPECT_TRUE(tenant_->drain(0, 0)) << "they are not in flight";
  ASSERT_TRUE(admit());
  run(2 * kMillisecond);
  // The program sets its event; each runs 10 us and is charged at its end.
  for (const Launch& launch : gated) {
    tenant_->open_gate(launch.flight);
    launch_ = launch;
    run(20 * kMicrosecond);
  }
  const Nanoseconds debt_from = now_;
  while (!admit()) now_ = again_;
  EXPECT_GT(now_ - debt_from, 50 * kMillisecond)
      << "20 ms of gated work were charged, of which 10 were credit";
  EXPECT_LT(now_ - debt_from, 150 * kMillisecond);
}

TEST_F(ByHand, WorkThatNeverFinishesHoldsNobodyForEver) {
  for (const bool with_meter : {true, false}) {
    TestGrants grants;
    grants.add("g", {.compute_permille = 500});
    Tenant* const tenant = grants.open("g", clock_);
    DeviceSource source{};
    source.context = this;
    if (with_meter)
      source.consumed = [](void* self) { return static_cast<ByHand*>(self)->consumed(); };
    tenant->attach(0, source);
    QueueState queue;
    const Nanoseconds begin = now_;
    for (int i = 0; i < 40; ++i)
      while (!tenant->try_admit(0, queue, 7, Order::kUnordered, launch_, again_)) {
        ASSERT_GT(again_, now_);
        now_ = again_;
        ASSERT_LT(now_, begin + 60 * kSecond);
      }
  }
}

TEST_F(ByHand, ALongKernelThatRunsIsWaitedFor) {
  open({.compute_permille = 900});
  learn(3 * kMillisecond);
  ASSERT_TRUE(admit());
  ASSERT_TRUE(admit());
  const Nanoseconds begin = now_;
  while (!admit() && now_ < begin + 3 * kSecond) {
    consumed_ += again_ - now_;  // the device works on
    now_ = again_;
  }
  EXPECT_GE(now_, begin + 3 * kSecond);
}

// --- the blocking form

TEST(PacingInRealTime, AdmitBlocksUntilTheDebtIsPaid) {
  TestGrants grants;
  grants.add("g", {.compute_permille = 500});
  Tenant* const tenant = grants.open("g");
  tenant->attach(0, {});
  QueueState queue;
  const Clock& clock = real_clock();
  const Nanoseconds begin = clock.now(nullptr);
  Nanoseconds device_time = 1'000;  // the device's own clock
  for (int i = 0; i < 20; ++i) {
    const Launch launch = tenant->admit(0, queue, 1, Order::kInOrder);
    device_time += 5 * kMillisecond;
    tenant->finish(launch.flight, device_time - 5 * kMillisecond, device_time);
  }
  // 100 ms of device time at one half, less the burst.
  EXPECT_GT(clock.now(nullptr) - begin, 150 * kMillisecond);
  EXPECT_GT(tenant->report(0).throttled, 100 * kMillisecond);
}

TEST(PacingInRealTime, FinishAndPolicyWakeWhoIsHeld) {
  TestGrants grants;
  grants.add("g", {.compute_permille = 999, .suspended = true});
  Tenant* const tenant = grants.open("g");
  tenant->attach(0, {});
  std::atomic<int> admitted{0};
  std::atomic<Flight*> first{nullptr};
  std::thread program([&] {
    for (int i = 0; i < 3; ++i) {  // at most two of an unknown key go at once
      QueueState queue;
      const Launch launch = tenant->admit(0, queue, 1, Order::kUnordered);
      if (i == 0) first = launch.flight;
      ++admitted;
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_EQ(admitted, 0) << "suspended";
  grants.set("g", {.compute_permille = 999});
  while (admitted < 2) std::this_thread::yield();
  tenant->finish(first, 1'000, 2'000);
  program.join();
  EXPECT_EQ(admitted, 3);
}

TEST(PacingInRealTime, ManyThreadsAndFinishesAtOnce) {
  TestGrants grants;
  grants.add("g", {.compute_permille = 900});
  grants.add("peer", {.share = abi::Share::kWeighted});
  Tenant* const tenant = grants.open("g");
  tenant->attach(0, {});
  std::atomic<Nanoseconds> device_time{1'000};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      QueueState queue;
      for (unsigned i = 0; i < 2000; ++i) {
        const Order order = i % 7 == t    ? Order::kUnordered
                            : i % 11 == t ? Order::kGated
                                          : Order::kInOrder;
        const Launch launch = tenant->admit(0, queue, i % 3, order);
        if (i % 13 == 0) {
          tenant->cancel(launch, queue);
          continue;
        }
        if (order == Order::kGated && i % 2 == 0) tenant->open_gate(launch.flight);
        const Nanoseconds end = device_time += 10 * kMicrosecond;
        tenant->finish(launch.flight, end - 10 * kMicrosecond, end);
      }
      tenant->close_queue(0, queue);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(tenant->drain(0, 0));
  EXPECT_EQ(tenant->report(0).launches, 8000u);
}

}  // namespace
}  // namespace melon::shim

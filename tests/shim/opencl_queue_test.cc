// SPDX-License-Identifier: Apache-2.0
// Queues, events and commands under compute limits, in real time: nothing hangs, nothing shows.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "scene.h"
#include "shim/abi/region.h"

namespace melon::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kQuarter[] = "--memory 16777216 --compute 250";

cl_command_queue_properties flags_of(cl_command_queue queue) {
  cl_command_queue_properties flags = ~0UL;
  EXPECT_EQ(clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof flags, &flags, nullptr),
            CL_SUCCESS);
  return flags;
}

std::vector<cl_queue_properties> list_of(cl_command_queue queue) {
  std::size_t bytes = 0;
  EXPECT_EQ(clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES_ARRAY, 0, nullptr, &bytes),
            CL_SUCCESS);
  std::vector<cl_queue_properties> list(bytes / sizeof(cl_queue_properties));
  EXPECT_EQ(clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES_ARRAY, bytes, list.data(), nullptr),
            CL_SUCCESS);
  return list;
}

void run(cl_command_queue queue, cl_kernel kernel, cl_event* event = nullptr, cl_uint count = 0,
         const cl_event* waits = nullptr) {
  const std::size_t items = 256;
  ASSERT_EQ(clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &items, nullptr, count, waits, event),
            CL_SUCCESS);
}

cl_int profile(cl_event event, cl_profiling_info what, cl_ulong& time) {
  return clGetEventProfilingInfo(event, what, sizeof time, &time, nullptr);
}

TEST(OpenclQueues, AddedProfilingShowsNowhere) {
  Scene scene(kQuarter);
  const cl_queue_properties empty[] = {0};
  const cl_queue_properties unordered[] = {CL_QUEUE_PROPERTIES,
                                           CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, 0};
  const auto create = [&](const cl_queue_properties* list) {
    return clCreateCommandQueueWithProperties(scene.context(), scene.device(), list, nullptr);
  };
  cl_command_queue const without = create(nullptr);
  cl_command_queue const with_empty = create(empty);
  cl_command_queue const with_flags = create(unordered);
  cl_command_queue const old = clCreateCommandQueue(scene.context(), scene.device(), 0, nullptr);
  EXPECT_EQ(flags_of(without), 0U);
  EXPECT_EQ(flags_of(with_empty), 0U);
  EXPECT_EQ(flags_of(old), 0U);
  EXPECT_EQ(flags_of(with_flags), CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
  EXPECT_THAT(list_of(without), IsEmpty());
  EXPECT_THAT(list_of(with_empty), ElementsAre(0));
  EXPECT_THAT(list_of(old), IsEmpty());
  EXPECT_THAT(list_of(with_flags),
              ElementsAre(CL_QUEUE_PROPERTIES, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, 0));
  cl_kernel const kernel = scene.kernel("k_100");
  for (cl_command_queue queue : {without, with_empty, with_flags, old}) {
    cl_event event = nullptr;
    run(queue, kernel, &event);
    clFinish(queue);
    cl_ulong time = 0;
    EXPECT_EQ(profile(event, CL_PROFILING_COMMAND_END, time), CL_PROFILING_INFO_NOT_AVAILABLE);
    EXPECT_EQ(clReleaseEvent(event), CL_SUCCESS);
    EXPECT_EQ(clReleaseCommandQueue(queue), CL_SUCCESS);
  }
}

TEST(OpenclQueues, ProgramsOwnProfilingIsItsOwn) {
  Scene scene(kQuarter);
  cl_command_queue const queue = scene.queue(CL_QUEUE_PROFILING_ENABLE);
  EXPECT_EQ(flags_of(queue), CL_QUEUE_PROFILING_ENABLE);
  EXPECT_THAT(list_of(queue), ElementsAre(CL_QUEUE_PROPERTIES, CL_QUEUE_PROFILING_ENABLE, 0));
  cl_kernel const kernel = scene.kernel("k_2000");
  for (int i = 0; i < 20; ++i) {
    cl_event event = nullptr;
    run(queue, kernel, &event);
    clWaitForEvents(1, &event);
    cl_ulong start = 0, end = 0;
    ASSERT_EQ(profile(event, CL_PROFILING_COMMAND_START, start), CL_SUCCESS);
    ASSERT_EQ(profile(event, CL_PROFILING_COMMAND_END, end), CL_SUCCESS);
    EXPECT_EQ(end - start, 2'000'000U);  // the kernel's, however long it was held back
    clReleaseEvent(event);
  }
}

TEST(OpenclQueues, ADriverThatCannotProfileIsTakenAsItIs) {
  Scene scene(kQuarter, "profiling=0");
  cl_command_queue const queue = scene.queue();
  cl_kernel const kernel = scene.kernel("k_100");
  for (int i = 0; i < 50; ++i) run(queue, kernel);
  EXPECT_EQ(clFinish(queue), CL_SUCCESS);
  EXPECT_EQ(scene.driver().launches, 50);
  EXPECT_EQ(scene.report().flags, std::uint64_t{abi::kFlagNoTimer});
}

TEST(OpenclQueues, WithProfilingNothingIsFlagged) {
  Scene scene(kQuarter);
  run(scene.queue(), scene.kernel("k_100"));
  EXPECT_EQ(scene.report().flags, 0U);
}

/// Limits under which nothing may wait for ever.
class EveryLimit : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(, EveryLimit,
                         testing::Values("--compute 1000", "--compute 500", "--compute 20",
                                         "--share weighted --weight 1",
                                         "--share burst --compute 50",
                                         "--share weighted --priority low"),
                         [](const auto& test) { return "Limit" + std::to_string(test.index); });

TEST_P(EveryLimit, EnqueueFirstSetTheUserEventLater) {
  Scene scene(GetParam());
  cl_command_queue const queue = scene.queue();
  cl_command_queue const unordered = scene.queue(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
  cl_kernel const kernel = scene.kernel("k_500");
  cl_event const go = clCreateUserEvent(scene.context(), nullptr);
  for (cl_command_queue each : {queue, unordered}) {
    cl_event first = nullptr;
    run(each, kernel, &first, 1, &go);
    for (int i = 0; i < 10; ++i) run(each, kernel, nullptr, 1, &first);  // waits at one remove
    for (int i = 0; i < 10; ++i) run(each, kernel);  // behind it where the queue is in order
    clReleaseEvent(first);
  }
  EXPECT_EQ(clSetUserEventStatus(go, CL_COMPLETE), CL_SUCCESS);
  EXPECT_EQ(clFinish(queue), CL_SUCCESS);
  EXPECT_EQ(clFinish(unordered), CL_SUCCESS);
  EXPECT_EQ(scene.driver().launches, 42);
  clReleaseEvent(go);
}

TEST_P(EveryLimit, AFailedUserEventFreesWhatWaited) {
  Scene scene(GetParam());
  cl_command_queue const queue = scene.queue();
  cl_kernel const kernel = scene.kernel("k_500");
  cl_event const go = clCreateUserEvent(scene.context(), nullptr);
  for (int i = 0; i < 10; ++i) run(queue, kernel, nullptr, 1, &go);
  EXPECT_EQ(clSetUserEventStatus(go, -5), CL_SUCCESS);
  clFinish(queue);
  for (int i = 0; i < 10; ++i) run(queue, kernel);
  EXPECT_EQ(clFinish(queue), CL_SUCCESS);
}

struct Chain {
  cl_command_queue queue;
  cl_kernel kernel;
  std::atomic<int> left;
  std::atomic<bool> failed{false};
  static void CL_CALLBACK next(cl_event event, cl_int, void* self) {
    clReleaseEvent(event);
    static_cast<Chain*>(self)->enqueue();
  }
  void enqueue() {
    if (left.fetch_sub(1) <= 0) return;
    const std::size_t items = 256;
    cl_event event = nullptr;
    if (clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &items, nullptr, 0, nullptr, &event) !=
            CL_SUCCESS ||
        clSetEventCallback(event, CL_COMPLETE, next, this) != CL_SUCCESS)
      failed = true;
    clFlush(queue);
  }
};

TEST_P(EveryLimit, EnqueueInsideACallback) {
  Scene scene(GetParam());
  Chain chain{scene.queue(), scene.kernel("k_500"), 40};
  chain.enqueue();
  EXPECT_TRUE(eventually([&] { return scene.driver().launches == 40; }));
  EXPECT_EQ(clFinish(chain.queue), CL_SUCCESS);
  EXPECT_TRUE(eventually([&] { return chain.left < 0; }));  // the last callback has been here
  EXPECT_FALSE(chain.failed);
}

TEST_P(EveryLimit, ManyQueuesAndThreads) {
  Scene scene(GetParam());
  scene.kernel("k_100");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&scene, i] {
      cl_command_queue const queue =
          scene.queue(i % 2 == 0 ? 0 : CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
      cl_kernel const kernel = scene.kernel("k_100");
      for (int n = 0; n < 100; ++n) run(queue, kernel);
      EXPECT_EQ(clFinish(queue), CL_SUCCESS);
      EXPECT_EQ(clReleaseCommandQueue(queue), CL_SUCCESS);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(scene.driver().launches, 400);
}

TEST_P(EveryLimit, BarriersMarkersAndWaitsOnOtherQueues) {
  Scene scene(GetParam());
  cl_command_queue const one = scene.queue(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
  cl_command_queue const two = scene.queue();
  cl_kernel const kernel = scene.kernel("k_300");
  cl_event const go = clCreateUserEvent(scene.context(), nullptr);
  run(one, kernel, nullptr, 1, &go);
  cl_event marker = nullptr;
  ASSERT_EQ(clEnqueueMarkerWithWaitList(one, 0, nullptr, &marker), CL_SUCCESS);
  ASSERT_EQ(clEnqueueBarrierWithWaitList(one, 0, nullptr, nullptr), CL_SUCCESS);
  for (int i = 0; i < 10; ++i) run(one, kernel);
  for (int i = 0; i < 10; ++i) run(two, kernel, nullptr, 1, &marker);
  ASSERT_EQ(clSetUserEventStatus(go, CL_COMPLETE), CL_SUCCESS);
  EXPECT_EQ(clFinish(one), CL_SUCCESS);
  EXPECT_EQ(clFinish(two), CL_SUCCESS);
  EXPECT_EQ(scene.driver().launches, 21);
}

TEST_P(EveryLimit, ADriverThatHoldsCommandsUntilAFlush) {
  Scene scene(GetParam(), "hold_until_flush=1");
  cl_command_queue const queue = scene.queue();
  cl_kernel const kernel = scene.kernel("k_500");
  for (int i = 0; i < 40; ++i) run(queue, kernel);
  EXPECT_EQ(clFinish(queue), CL_SUCCESS);
  EXPECT_EQ(scene.driver().launches, 40);
}

// A function of a new extension makes queues that we never saw made.
TEST(OpenclQueues, AQueueOfUnknownOriginIsCharged) {
  Scene scene(kQuarter);
  cl_platform_id platform = nullptr;
  ASSERT_EQ(
      clGetDeviceInfo(scene.device(), CL_DEVICE_PLATFORM, sizeof platform, &platform, nullptr),
      CL_SUCCESS);
  const auto create = reinterpret_cast<decltype(&clCreateCommandQueueWithProperties)>(
      clGetExtensionFunctionAddressForPlatform(platform, "clCreateCommandQueueWithPropertiesKHR"));
  ASSERT_NE(create, nullptr);
  cl_command_queue const queue = create(scene.context(), scene.device(), nullptr, nullptr);
  ASSERT_NE(queue, nullptr);
  cl_kernel const kernel = scene.kernel("k_100");
  for (int i = 0; i < 3; ++i) run(queue, kernel);
  EXPECT_EQ(clFinish(queue), CL_SUCCESS);
  EXPECT_EQ(scene.report().launches, 3U);
  clReleaseCommandQueue(queue);
}

TEST(OpenclQueues, SuspendedUntilResumed) {
  Scene scene("--compute 500 --suspended 1");
  std::atomic<bool> done{false};
  scene.context();
  std::thread program([&] {
    cl_command_queue const queue = scene.queue();
    run(queue, scene.kernel("k_100"));
    clFinish(queue);
    done = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_FALSE(done);
  EXPECT_EQ(scene.driver().launches, 0);
  scene.set("--compute 500");
  EXPECT_TRUE(eventually([&] { return done.load(); }));
  program.join();
}

TEST(OpenclQueues, ARefusedLaunchCostsNothing) {
  Scene scene(kQuarter);
  cl_command_queue const queue = scene.queue();
  const std::size_t items = 256;
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(
        clEnqueueNDRangeKernel(queue, nullptr, 1, nullptr, &items, nullptr, 0, nullptr, nullptr),
        CL_INVALID_KERNEL);
  run(queue, scene.kernel("k_100"));
  EXPECT_EQ(clFinish(queue), CL_SUCCESS);
}

}  // namespace
}  // namespace melon::test

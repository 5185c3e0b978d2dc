// SPDX-License-Identifier: Apache-2.0
// How exactly compute limits hold for every kind of command: libmelon.so's own objects in this
// program, the simulated driver behind them, and time that passes only while somebody waits.

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "scene.h"
#include "shim/opencl/gates.h"
#include "shim/opencl/session.h"

namespace melon::test {
namespace {

constexpr double kSecond = 1e9;

/// A scene on the virtual clock.
struct Laboratory : Scene {
  explicit Laboratory(const std::string& limits, const std::string& script = "kernel_us=500")
      : Scene("--memory 1073741824 " + limits, "clock=virtual," + script) {
    void* const driver = dlopen(std::getenv("OCL_ICD_VENDORS"), RTLD_NOW);
    now_ = reinterpret_cast<std::uint64_t (*)(void*)>(dlsym(driver, "melon_sim_now"));
    clock_.now = now_;
    clock_.sleep_until =
        reinterpret_cast<void (*)(void*, std::uint64_t)>(dlsym(driver, "melon_sim_sleep_until"));
    shim::use_clock(clock_);
  }
  double now() const { return static_cast<double>(now_(nullptr)); }
  double busy() const { return static_cast<double>(driver().busy_ns); }

  /// Runs `work` again and again for a warm-up and then for about 4 s; the share of the device that
  /// it had, in per cent. `work` leaves nothing behind in the queue.
  template <class Work>
  double share_of(Work work) {
    for (const double end = now() + kSecond; now() < end;) work();
    const double begin = now();
    const double before = busy();
    while (now() < begin + 4 * kSecond) work();
    return 100 * (busy() - before) / (now() - begin);
  }

 private:
  std::uint64_t (*now_)(void*) = nullptr;
  shim::Clock clock_{};
};

void run(cl_command_queue queue, cl_kernel kernel, cl_event* event = nullptr, cl_uint count = 0,
         const cl_event* waits = nullptr) {
  const std::size_t items = 256;
  ASSERT_EQ(clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &items, nullptr, count, waits, event),
            CL_SUCCESS);
}

/// As much as 20 ms of device time, then a wait.
template <class Enqueue>
auto batches_of(cl_command_queue queue, int count, Enqueue enqueue) {
  return [=] {
    for (int i = 0; i < count; ++i) enqueue();
    ASSERT_EQ(clFinish(queue), CL_SUCCESS);
  };
}

struct Case {
  unsigned permille;
  const char* kernel;
  int batch;
};

// Each length of kernels and each height of limits once: how they combine is shown without a driver
// (shim/core/pacer_test.cc).
class HardLimit : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(, HardLimit,
                         testing::Values(Case{100, "k_20", 1000}, Case{500, "k_100", 200},
                                         Case{800, "k_1000", 20}, Case{250, "k_10000", 4},
                                         Case{20, "k_500", 20}),
                         [](const auto& test) {
                           return test.param.kernel + ("At" + std::to_string(test.param.permille));
                         });

TEST_P(HardLimit, HoldsForAProgramThatKeepsItsQueueFull) {
  Laboratory lab("--compute " + std::to_string(GetParam().permille));
  cl_command_queue const queue = lab.queue();
  cl_kernel const kernel = lab.kernel(GetParam().kernel);
  const double share =
      lab.share_of(batches_of(queue, GetParam().batch, [=] { run(queue, kernel); }));
  EXPECT_NEAR(share, GetParam().permille / 10.0, 2);
  // What was charged is what the device did.
  EXPECT_NEAR(static_cast<double>(lab.report().consumed_ns) / lab.busy(), 1, 0.02);
}

TEST(OpenclPacing, HoldsForAProgramThatWaitsForEachKernel) {
  Laboratory lab("--compute 250");
  cl_command_queue const queue = lab.queue();
  cl_kernel const kernel = lab.kernel("k_500");
  EXPECT_NEAR(lab.share_of(batches_of(queue, 1, [=] { run(queue, kernel); })), 25, 2);
}

TEST(OpenclPacing, HoldsForAProgramThatMeasuresForItself) {
  Laboratory lab("--compute 250");
  cl_command_queue const queue = lab.queue(CL_QUEUE_PROFILING_ENABLE);
  cl_kernel const kernel = lab.kernel("k_700");
  EXPECT_NEAR(lab.share_of(batches_of(queue, 10, [=] { run(queue, kernel); })), 25, 2);
}

TEST(OpenclPacing, HoldsOverSeveralQueuesAndOutOfOrder) {
  Laboratory lab("--compute 250");
  cl_command_queue const ordered = lab.queue();
  cl_command_queue const unordered = lab.queue(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
  cl_kernel const one = lab.kernel("k_100");
  cl_kernel const other = lab.kernel("k_900");
  const double share = lab.share_of([=] {
    for (int i = 0; i < 20; ++i) run(i % 2 == 0 ? ordered : unordered, i % 3 == 0 ? one : other);
    clFinish(ordered);
    clFinish(unordered);
  });
  EXPECT_NEAR(share, 25, 2);
}

TEST(OpenclPacing, HoldsForWorkBehindUserEvents) {
  Laboratory lab("--compute 250");
  cl_command_queue const queue = lab.queue();
  cl_kernel const kernel = lab.kernel("k_500");
  const double share = lab.share_of([&] {
    cl_event const go = clCreateUserEvent(lab.context(), nullptr);
    for (int i = 0; i < 10; ++i) run(queue, kernel, nullptr, 1, &go);
    clSetUserEventStatus(go, CL_COMPLETE);
    clFinish(queue);
    clReleaseEvent(go);
  });
  EXPECT_NEAR(share, 25, 3);
}

// Gates for what can never be set any more would keep every later launch from the short way.
TEST(OpenclPacing, AUserEventThatIsNeverSetLeavesNoGate) {
  Laboratory lab("--compute 250");
  cl_command_queue const queue = lab.queue();
  cl_kernel const kernel = lab.kernel("k_500");
  const auto give_one_up = [&] {
    cl_event const never = clCreateUserEvent(lab.context(), nullptr);
    EXPECT_TRUE(shim::Gates::any());
    clRetainEvent(never);
    clReleaseEvent(never);
    EXPECT_TRUE(shim::Gates::any());  // the program could set it still
    clReleaseEvent(never);
    EXPECT_FALSE(shim::Gates::any());
  };
  const double share = lab.share_of([&] {
    give_one_up();
    cl_event const go = clCreateUserEvent(lab.context(), nullptr);  // often at the same address
    for (int i = 0; i < 10; ++i) run(queue, kernel, nullptr, 1, &go);
    clSetUserEventStatus(go, CL_COMPLETE);
    EXPECT_FALSE(shim::Gates::any());
    clFinish(queue);
    clReleaseEvent(go);
  });
  EXPECT_NEAR(share, 25, 3);
}

// OpenCL leaves open what becomes of these commands. Drivers keep the event for them, so a program
// may even set it by the handle that it has given up.
TEST(OpenclPacing, CommandsOfAUserEventThatWasGivenUpHoldNobody) {
  Laboratory lab("--compute 250");
  cl_command_queue const stuck = lab.queue();
  cl_command_queue const queue = lab.queue();
  cl_kernel const kernel = lab.kernel("k_500");
  cl_event const go = clCreateUserEvent(lab.context(), nullptr);
  for (int i = 0; i < 100; ++i) run(stuck, kernel, nullptr, 1, &go);
  clReleaseEvent(go);
  EXPECT_NEAR(lab.share_of(batches_of(queue, 10, [=] { run(queue, kernel); })), 25, 2);
  clSetUserEventStatus(go, CL_COMPLETE);
  clFinish(stuck);
  EXPECT_FALSE(shim::Gates::any());  // what is complete is closed no more
  EXPECT_NEAR(lab.share_of(batches_of(stuck, 10, [=] { run(stuck, kernel); })), 25, 2);
}

struct Chain {
  cl_command_queue queue;
  cl_kernel kernel;
  int left;
  static void CL_CALLBACK next(cl_event event, cl_int, void* self) {
    clReleaseEvent(event);
    static_cast<Chain*>(self)->enqueue();
  }
  void enqueue() {
    if (--left < 0) return;
    cl_event event = nullptr;
    run(queue, kernel, &event);
    clSetEventCallback(event, CL_COMPLETE, next, this);
  }
};

TEST(OpenclPacing, HoldsForWorkEnqueuedInCallbacks) {
  Laboratory lab("--compute 250");
  Chain chain{lab.queue(), lab.kernel("k_500"), 0};
  const double share = lab.share_of([&] {
    chain.left = 10;
    chain.enqueue();
    clFinish(chain.queue);
  });
  EXPECT_NEAR(share, 25, 3);
}

TEST(OpenclPacing, ChargesCopiesAndFills) {
  Laboratory lab("--compute 250", "bytes_per_ns=1");
  cl_command_queue const queue = lab.queue();
  constexpr std::size_t kBytes = 1 << 19;  // 0.5 ms of the simulated device
  cl_mem const from = lab.buffer(kBytes);
  cl_mem const to = lab.buffer(kBytes);
  const double share = lab.share_of(batches_of(queue, 10, [=] {
    const int zero = 0;
    clEnqueueFillBuffer(queue, from, &zero, sizeof zero, 0, kBytes, 0, nullptr, nullptr);
    clEnqueueCopyBuffer(queue, from, to, 0, 0, kBytes, 0, nullptr, nullptr);
  }));
  EXPECT_NEAR(share, 25, 2);
}

TEST(OpenclPacing, ChargesNativeKernelsAndTasks) {
  Laboratory lab("--compute 250");
  cl_command_queue const queue = lab.queue();
  cl_kernel const kernel = lab.kernel("k_500");
  const double share = lab.share_of(batches_of(queue, 10, [=] {
    clEnqueueNativeKernel(
        queue, [](void*) {}, nullptr, 0, 0, nullptr, nullptr, 0, nullptr, nullptr);
    clEnqueueTask(queue, kernel, 0, nullptr, nullptr);
  }));
  EXPECT_NEAR(share, 25, 2);
}

TEST(OpenclPacing, ChargesSubDevices) {
  Laboratory lab("--compute 250");
  const cl_device_partition_property equally[] = {CL_DEVICE_PARTITION_EQUALLY, 2, 0};
  cl_device_id parts[2] = {};
  ASSERT_EQ(clCreateSubDevices(lab.device(), equally, 2, parts, nullptr), CL_SUCCESS);
  cl_context const context = clCreateContext(nullptr, 2, parts, nullptr, nullptr, nullptr);
  cl_command_queue const one =
      clCreateCommandQueueWithProperties(context, parts[0], nullptr, nullptr);
  cl_command_queue const other = clCreateCommandQueue(context, parts[1], 0, nullptr);
  cl_kernel const kernel = lab.kernel("k_500");
  const double share = lab.share_of([=] {
    for (int i = 0; i < 20; ++i) run(i % 2 == 0 ? one : other, kernel);
    clFinish(one);
    clFinish(other);
  });
  EXPECT_NEAR(share, 25, 2);
}

template <class Function>
Function extension(Laboratory& lab, const char* name) {
  return reinterpret_cast<Function>(clGetExtensionFunctionAddressForPlatform(lab.platform(), name));
}

TEST(OpenclPacing, ChargesCommandBuffers) {
  Laboratory lab("--compute 250");
  cl_command_queue queue = lab.queue();
  const std::size_t items = 256;
  cl_command_buffer_khr const buffer = extension<clCreateCommandBufferKHR_fn>(
      lab, "clCreateCommandBufferKHR")(1, &queue, nullptr, nullptr);
  for (int i = 0; i < 8; ++i)
    extension<clCommandNDRangeKernelKHR_fn>(lab, "clCommandNDRangeKernelKHR")(
        buffer, nullptr, nullptr, lab.kernel("k_250"), 1, nullptr, &items, nullptr, 0, nullptr,
        nullptr, nullptr);
  extension<clFinalizeCommandBufferKHR_fn>(lab, "clFinalizeCommandBufferKHR")(buffer);
  const auto enqueue = extension<clEnqueueCommandBufferKHR_fn>(lab, "clEnqueueCommandBufferKHR");
  const double share = lab.share_of(batches_of(
      queue, 4, [=] { ASSERT_EQ(enqueue(0, nullptr, buffer, 0, nullptr, nullptr), CL_SUCCESS); }));
  EXPECT_NEAR(share, 25, 2);
}

TEST(OpenclPacing, AChangedLimitIsTaken) {
  Laboratory lab("--compute 250");
  cl_command_queue const queue = lab.queue();
  cl_kernel const kernel = lab.kernel("k_500");
  const auto work = batches_of(queue, 20, [=] { run(queue, kernel); });
  EXPECT_NEAR(lab.share_of(work), 25, 2);
  lab.set("--memory 1073741824 --compute 600");
  EXPECT_NEAR(lab.share_of(work), 60, 2);
}

// Launches that nothing limits do not even look at their queue, so nothing may depend on that.
TEST(OpenclPacing, ALimitThatComesLaterHoldsForQueuesMadeBefore) {
  Laboratory lab("--compute 1000");
  cl_command_queue const queue = lab.queue();
  cl_command_queue const unordered = lab.queue(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
  cl_kernel const kernel = lab.kernel("k_500");
  const auto work = [&] {
    for (int i = 0; i < 20; ++i) run(i % 2 == 0 ? queue : unordered, kernel);
    ASSERT_EQ(clFinish(queue), CL_SUCCESS);
    ASSERT_EQ(clFinish(unordered), CL_SUCCESS);
  };
  EXPECT_GE(lab.share_of(work), 99.9);
  const std::uint64_t unlimited = lab.report().launches;
  EXPECT_GT(unlimited, 9000U);  // 5 s of 500 us
  lab.set("--memory 1073741824 --compute 250");
  EXPECT_NEAR(lab.share_of(work), 25, 2);
  EXPECT_GT(lab.report().launches, unlimited + 2000);
  lab.set("--memory 1073741824 --compute 1000");
  EXPECT_GE(lab.share_of(work), 99.9);
}

TEST(OpenclPacing, WithoutALimitNothingIsHeldBack) {
  Laboratory lab("--compute 1000");
  cl_command_queue const queue = lab.queue();
  cl_kernel const kernel = lab.kernel("k_500");
  EXPECT_GE(lab.share_of(batches_of(queue, 20, [=] { run(queue, kernel); })), 99.9);
}

}  // namespace
}  // namespace melon::test

// SPDX-License-Identifier: Apache-2.0
// Threads of one program that share everything: what they find is exact, and under the sanitizers
// nothing that they share is touched unguarded.

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "scene.h"

namespace melon::test {
namespace {

constexpr int kThreads = 4;

void on_threads(const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(body, i);
  for (std::thread& thread : threads) thread.join();
}

void run(cl_command_queue queue, cl_kernel kernel, cl_uint count = 0,
         const cl_event* waits = nullptr, cl_event* event = nullptr) {
  const std::size_t items = 256;
  EXPECT_EQ(clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &items, nullptr, count, waits, event),
            CL_SUCCESS);
}

struct Surroundings {
  const char* name;
  const char* limits;
  const char* script;
};

class SharedByThreads : public testing::TestWithParam<Surroundings> {
 protected:
  static Scene make() {
    return Scene(std::string("--memory 67108864 ") + GetParam().limits, GetParam().script);
  }
};
INSTANTIATE_TEST_SUITE_P(
    , SharedByThreads,
    testing::Values(Surroundings{"NoLimit", "--compute 1000", "kernel_us=100"},
                    Surroundings{"HalfOfACard", "--compute 500", "kernel_us=100"},
                    Surroundings{"HalfOfAProcessor", "--compute 500", "type=cpu,kernel_us=100"},
                    Surroundings{"AWeight", "--share weighted --weight 7", "kernel_us=100"}),
    [](const auto& test) { return std::string(test.param.name); });

// The first call of a program opens everything, and any thread's may be that.
TEST_P(SharedByThreads, TheFirstCall) {
  Scene scene = make();
  std::atomic<int> ready{0};
  std::atomic<int> made{0};
  on_threads([&](int) {
    ready.fetch_add(1);
    while (ready < kThreads) std::this_thread::yield();
    cl_platform_id platform = nullptr;
    cl_device_id device = nullptr;
    clGetPlatformIDs(1, &platform, nullptr);
    EXPECT_EQ(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, nullptr), CL_SUCCESS);
    cl_context const context = clCreateContext(nullptr, 1, &device, nullptr, nullptr, nullptr);
    if (clCreateBuffer(context, CL_MEM_READ_WRITE, kMiB, nullptr, nullptr) != nullptr) ++made;
  });
  EXPECT_EQ(made, kThreads);
  EXPECT_EQ(scene.report().used_bytes, kThreads * kMiB);
}

TEST_P(SharedByThreads, AQueueWhoseLimitChanges) {
  Scene scene = make();
  cl_command_queue const ordered = scene.queue();
  cl_command_queue const unordered = scene.queue(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
  std::vector<cl_kernel> kernels;  // a kernel object may not be shared
  for (int i = 0; i < kThreads; ++i) kernels.push_back(scene.kernel("k_100"));
  std::atomic<int> running{kThreads};
  std::thread changer([&] {
    for (int i = 0; running > 0; ++i)
      scene.set(i % 2 == 0 ? "--memory 67108864 --compute 1000"
                           : "--memory 67108864 --compute 700");
  });
  on_threads([&](int i) {
    for (int n = 0; n < 60; ++n) {
      run(n % 2 == 0 ? ordered : unordered, kernels[static_cast<std::size_t>(i)]);
      if (n % 16 == 0) clFinish(ordered);
    }
    --running;
  });
  changer.join();
  EXPECT_EQ(clFinish(ordered), CL_SUCCESS);
  EXPECT_EQ(clFinish(unordered), CL_SUCCESS);
  EXPECT_EQ(scene.driver().launches, kThreads * 60);
}

TEST_P(SharedByThreads, UserEventsMarkersAndCallbacks) {
  Scene scene = make();
  scene.program();
  cl_command_queue const queue = scene.queue(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
  std::atomic<int> told{0};
  on_threads([&](int) {
    cl_kernel const kernel = clCreateKernel(scene.program(), "k_100", nullptr);
    for (int n = 0; n < 10; ++n) {
      cl_event const go = clCreateUserEvent(scene.context(), nullptr);
      cl_event done = nullptr;
      run(queue, kernel, 1, &go);
      EXPECT_EQ(clEnqueueMarkerWithWaitList(queue, 1, &go, nullptr), CL_SUCCESS);
      run(queue, kernel, 1, &go, &done);
      EXPECT_EQ(clSetEventCallback(
                    done, CL_COMPLETE,
                    [](cl_event, cl_int, void* data) {
                      static_cast<std::atomic<int>*>(data)->fetch_add(1);
                    },
                    &told),
                CL_SUCCESS);
      EXPECT_EQ(clSetUserEventStatus(go, CL_COMPLETE), CL_SUCCESS);
      clReleaseEvent(go);
      clReleaseEvent(done);
    }
  });
  EXPECT_EQ(clFinish(queue), CL_SUCCESS);
  EXPECT_EQ(scene.driver().launches, kThreads * 20);
  EXPECT_TRUE(eventually([&] { return told == kThreads * 10; }));
}

TEST_P(SharedByThreads, MemoryOfAllKinds) {
  Scene scene = make();
  scene.context();
  cl_command_queue const queue = scene.queue();
  on_threads([&](int) {
    for (int n = 0; n < 50; ++n) {
      cl_mem const mem = scene.buffer(64 << 10);
      ASSERT_NE(mem, nullptr);
      const int zero = 0;
      EXPECT_EQ(clEnqueueFillBuffer(queue, mem, &zero, sizeof zero, 0, 4096, 0, nullptr, nullptr),
                CL_SUCCESS);
      void* const shared = clSVMAlloc(scene.context(), CL_MEM_READ_WRITE, 32 << 10, 0);
      void* freed = clSVMAlloc(scene.context(), CL_MEM_READ_WRITE, 16 << 10, 0);
      EXPECT_EQ(clEnqueueSVMFree(queue, 1, &freed, nullptr, nullptr, 0, nullptr, nullptr),
                CL_SUCCESS);
      clSVMFree(scene.context(), shared);
      clReleaseMemObject(mem);  // the fill still holds it
    }
  });
  EXPECT_EQ(clFinish(queue), CL_SUCCESS);
  EXPECT_TRUE(eventually([&] { return scene.report().used_bytes == 0; }));
  EXPECT_EQ(scene.driver().bytes, 0);
}

TEST_P(SharedByThreads, QueuesThatComeAndGo) {
  Scene scene = make();
  scene.program();
  on_threads([&](int) {
    cl_kernel const kernel = clCreateKernel(scene.program(), "k_100", nullptr);
    for (int n = 0; n < 25; ++n) {
      cl_command_queue const queue = scene.queue(n % 2 == 0 ? 0 : CL_QUEUE_PROFILING_ENABLE);
      cl_command_queue_properties flags = 7;
      run(queue, kernel);
      EXPECT_EQ(clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof flags, &flags, nullptr),
                CL_SUCCESS);
      EXPECT_EQ(flags, n % 2 == 0 ? 0U : CL_QUEUE_PROFILING_ENABLE);
      EXPECT_EQ(clFinish(queue), CL_SUCCESS);
      EXPECT_EQ(clReleaseCommandQueue(queue), CL_SUCCESS);
    }
  });
  EXPECT_EQ(scene.driver().launches, kThreads * 25);
}

}  // namespace
}  // namespace melon::test

// SPDX-License-Identifier: Apache-2.0
// Threads of one program that share everything: what they find is exact, and under the sanitizers
// nothing that they share is touched unguarded.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <random>
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

/// One thread's part of the race: objects of all kinds come and go in random order.
class Racer {
 public:
  /// With a queue, commands still use much of what is released.
  Racer(Scene& scene, cl_command_queue queue, int number)
      : scene_(scene), queue_(queue), random_(static_cast<unsigned>(number) + 1) {}

  /// True when the device gave something.
  bool act() {
    if (held_.size() > 3 || (random_() % 4 == 0 && !held_.empty())) {
      clReleaseMemObject(held_.back());
      held_.pop_back();
      return false;
    }
    return random_() % 3 == 0 ? take_shared() : take_buffer();
  }
  void let_go() {
    for (cl_mem const mem : held_) clReleaseMemObject(mem);
    held_.clear();
  }

 private:
  bool take_buffer() {
    cl_mem const mem = scene_.buffer((1 + random_() % 24) * kGranuleBytes);
    if (mem == nullptr) return false;
    const cl_buffer_region region{0, kGranuleBytes};
    cl_mem const part =
        clCreateSubBuffer(mem, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, nullptr);
    const int zero = 0;
    if (queue_ != nullptr) {
      EXPECT_EQ(clEnqueueFillBuffer(queue_, mem, &zero, sizeof zero, 0, kGranuleBytes, 0, nullptr,
                                    nullptr),
                CL_SUCCESS);
    }
    EXPECT_EQ(clRetainMemObject(part), CL_SUCCESS);
    clReleaseMemObject(mem);  // the part and the fill still hold it
    clReleaseMemObject(part);
    held_.push_back(part);
    return true;
  }
  bool take_shared() {
    void* shared =
        clSVMAlloc(scene_.context(), CL_MEM_READ_WRITE, (1 + random_() % 24) * kGranuleBytes, 0);
    if (shared == nullptr) return false;
    if (queue_ == nullptr || random_() % 2 == 0) {
      clSVMFree(scene_.context(), shared);
    } else {
      EXPECT_EQ(clEnqueueSVMFree(queue_, 1, &shared, nullptr, nullptr, 0, nullptr, nullptr),
                CL_SUCCESS);
    }
    return true;
  }

  Scene& scene_;
  cl_command_queue queue_;
  std::minstd_rand random_;
  std::vector<cl_mem> held_;
};

// Four threads together want more than there is, so that they race to the limit all the time.
void race(Scene& scene, cl_command_queue queue) {
  std::atomic<std::uint64_t> given{0};
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(MELON_RACE_SECONDS);
  on_threads([&](int number) {
    Racer racer(scene, queue, number);
    while (std::chrono::steady_clock::now() < end)
      for (int i = 0; i < 10; ++i) given += racer.act() ? 1 : 0;
    racer.let_go();
  });
  EXPECT_GT(given, 0U);
}

constexpr std::int64_t kRaceBytes = 1 << 20;

TEST(OpenclRace, MemoryThatIsReleasedAtOnceNeverOvershoots) {
  Scene scene("--memory 1048576 --compute 500", "kernel_us=100");
  scene.context();
  race(scene, nullptr);
  EXPECT_LE(scene.driver().peak_bytes, kRaceBytes) << "overshoot";
  EXPECT_EQ(scene.report().used_bytes, 0U) << "residue";
  EXPECT_EQ(scene.driver().bytes, 0);
}

// What the driver's own thread frees it tells of just before, so that the driver itself may hold a
// little more for a moment; the ledger does not.
TEST(OpenclRace, MemoryThatCommandsStillUseLeavesNoResidue) {
  Scene scene("--memory 1048576 --compute 500", "kernel_us=100");
  scene.context();
  cl_command_queue const queue = scene.queue();
  race(scene, queue);
  EXPECT_EQ(clFinish(queue), CL_SUCCESS);
  EXPECT_TRUE(eventually([&] { return scene.report().used_bytes == 0; })) << "residue";
  EXPECT_TRUE(eventually([&] { return scene.driver().bytes == 0; }));
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

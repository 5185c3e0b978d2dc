// SPDX-License-Identifier: Apache-2.0
// Memory limits on the simulated driver, which counts for itself.

#include <gtest/gtest.h>

#include <vector>

#include "memory_routes.h"
#include "scene.h"
#include "shim/abi/region.h"

namespace melon::test {
namespace {

class EveryRoute : public testing::TestWithParam<Route> {};
INSTANTIATE_TEST_SUITE_P(, EveryRoute, testing::ValuesIn(routes()),
                         [](const auto& test) { return test.param.name; });

TEST_P(EveryRoute, ReachesTheLimitExactlyAndIsRefusedBeforeTheDriver) {
  Scene scene;  // 1 MiB
  const Route& route = GetParam();
  std::vector<Object> made;
  cl_int status = CL_SUCCESS;
  for (;;) {
    const std::int64_t asked = scene.driver().allocations;
    const Object object = route.make(scene, 32 * 1024, &status);
    if (!object) {
      EXPECT_EQ(scene.driver().allocations, asked);
      break;
    }
    made.push_back(object);
  }
  EXPECT_EQ(made.size(), 32U);
  EXPECT_EQ(status, route.refusal);
  EXPECT_EQ(scene.driver().bytes, static_cast<std::int64_t>(kMiB));
  EXPECT_EQ(scene.report().used_bytes, kMiB);
  EXPECT_EQ(scene.report().refusals, 1U);

  release(scene, made.back());
  made.pop_back();
  EXPECT_FALSE(route.make(scene, 36 * 1024, &status));
  const Object again = route.make(scene, 32 * 1024, &status);
  EXPECT_TRUE(again);
  release(scene, again);
  for (const Object& object : made) release(scene, object);
  EXPECT_EQ(scene.report().used_bytes, 0U);
  EXPECT_EQ(scene.driver().bytes, 0);
}

TEST_P(EveryRoute, GivesBackWhatTheDriverRefused) {
  Scene scene("--memory 1048576", "oom_at=1");
  cl_int status = CL_SUCCESS;
  EXPECT_FALSE(GetParam().make(scene, 32 * 1024, &status));
  EXPECT_EQ(scene.driver().allocations, 1);
  EXPECT_EQ(scene.report().used_bytes, 0U);
}

// The device is smaller than the slice, and full of what a running command still uses.
TEST(OpenclMemory, AFullDeviceIsAskedAgainWhenItsWorkHasEnded) {
  Scene scene("--memory 4194304 --compute 500", "memory_mib=1,kernel_us=50000");
  cl_int status = CL_SUCCESS;
  cl_mem const used = scene.buffer(kMiB, &status);
  ASSERT_EQ(status, CL_SUCCESS);
  cl_command_queue const queue = scene.queue();
  cl_kernel const kernel = scene.kernel("k_50000");
  const std::size_t items = 1;
  ASSERT_EQ(clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &items, nullptr, 0, nullptr, nullptr),
            CL_SUCCESS);
  const unsigned char pattern = 1;
  ASSERT_EQ(clEnqueueFillBuffer(queue, used, &pattern, 1, 0, kMiB, 0, nullptr, nullptr),
            CL_SUCCESS);
  clReleaseMemObject(used);
  EXPECT_EQ(scene.driver().bytes, static_cast<std::int64_t>(kMiB)) << "it is too late for the test";
  cl_mem const next = scene.buffer(kMiB, &status);
  EXPECT_NE(next, nullptr) << status;
  const std::int64_t asked = scene.driver().allocations;
  EXPECT_GE(asked, 3);
  // Now it is full for good, and nothing is in flight: refused at once.
  EXPECT_EQ(clFinish(queue), CL_SUCCESS);
  EXPECT_EQ(scene.buffer(kMiB, &status), nullptr);
  EXPECT_EQ(status, CL_MEM_OBJECT_ALLOCATION_FAILURE);
  EXPECT_EQ(scene.driver().allocations, asked + 1);
  EXPECT_EQ(scene.report().used_bytes, kMiB);
  clReleaseMemObject(next);
}

TEST(OpenclMemory, AFunctionThatMayEscapeIsFlagged) {
  Scene scene;
  const auto ask = [&](const char* name) {
    return clGetExtensionFunctionAddressForPlatform(scene.platform(), name);
  };
  scene.buffer(kMiB / 2);
  EXPECT_NE(ask("clHostMemAllocINTEL"), nullptr);         // ours
  EXPECT_NE(ask("clFinalizeCommandBufferKHR"), nullptr);  // harmless
  EXPECT_EQ(ask("clOtherAllocSIM"), nullptr);             // not there
  EXPECT_EQ(scene.report().flags, 0U);
  EXPECT_NE(ask("clPrivateAllocSIM"), nullptr);
  EXPECT_EQ(scene.report().flags, std::uint64_t{abi::kFlagUnknownSymbol});
}

TEST(OpenclMemory, IsExactAtTheByte) {
  Scene scene;
  cl_int status = CL_SUCCESS;
  cl_mem const most = scene.buffer(kMiB - kGranuleBytes, &status);
  ASSERT_NE(most, nullptr);
  EXPECT_EQ(scene.buffer(kGranuleBytes + 1, &status), nullptr);
  EXPECT_EQ(status, CL_MEM_OBJECT_ALLOCATION_FAILURE);
  cl_mem const last = scene.buffer(kGranuleBytes, &status);
  EXPECT_NE(last, nullptr);
  EXPECT_EQ(scene.buffer(1, &status), nullptr);
  EXPECT_EQ(status, CL_MEM_OBJECT_ALLOCATION_FAILURE);
  EXPECT_EQ(scene.report().used_bytes, kMiB);
  clReleaseMemObject(last);
  EXPECT_NE(scene.buffer(1, &status), nullptr);  // counts as a granule
  EXPECT_EQ(scene.report().used_bytes, kMiB);
  EXPECT_EQ(scene.driver().peak_bytes, static_cast<std::int64_t>(kMiB));
}

TEST(OpenclMemory, AboveTheShownMaximumHasItsOwnError) {
  Scene scene;
  cl_int status = CL_SUCCESS;
  EXPECT_EQ(scene.buffer(kMiB + 1, &status), nullptr);
  EXPECT_EQ(status, CL_INVALID_BUFFER_SIZE);
  EXPECT_EQ(scene.driver().allocations, 0);
  EXPECT_NE(scene.buffer(kMiB, &status), nullptr);
  EXPECT_EQ(scene.buffer(kMiB, &status), nullptr);
  EXPECT_EQ(status, CL_MEM_OBJECT_ALLOCATION_FAILURE);
  EXPECT_EQ(scene.buffer(~std::uint64_t{0}, &status), nullptr);
  EXPECT_EQ(status, CL_INVALID_BUFFER_SIZE);
}

TEST(OpenclMemory, AStatusThatNobodyWantsIsNotWritten) {
  Scene scene;
  EXPECT_EQ(clCreateBuffer(scene.context(), 0, 2 * kMiB, nullptr, nullptr), nullptr);
  EXPECT_NE(clCreateBuffer(scene.context(), 0, kMiB, nullptr, nullptr), nullptr);
}

TEST(OpenclMemory, AnImageCountsAsTheDriverPadsIt) {
  Scene scene;
  const cl_image_format format = {CL_R, CL_UNSIGNED_INT8};
  cl_image_desc shape{};
  shape.image_type = CL_MEM_OBJECT_IMAGE2D;
  shape.image_width = 1;
  shape.image_height = 64;  // 64 bytes of pixels; the simulated driver takes rows of 256
  cl_int status = CL_SUCCESS;
  cl_mem const image =
      clCreateImage(scene.context(), CL_MEM_READ_WRITE, &format, &shape, nullptr, &status);
  ASSERT_NE(image, nullptr);
  EXPECT_EQ(scene.report().used_bytes, 64 * 256U);
  EXPECT_EQ(scene.driver().bytes, 64 * 256);
  shape.image_height = kMiB / 256;  // pixels would fit, rows do not
  EXPECT_EQ(clCreateImage(scene.context(), CL_MEM_READ_WRITE, &format, &shape, nullptr, &status),
            nullptr);
  EXPECT_EQ(status, CL_MEM_OBJECT_ALLOCATION_FAILURE);
  EXPECT_EQ(scene.driver().bytes, 64 * 256);
  EXPECT_EQ(scene.report().used_bytes, 64 * 256U);
}

TEST(OpenclMemory, SubBuffersAndImagesOfBuffersCountOnce) {
  Scene scene;
  cl_mem const whole = scene.buffer(kMiB);
  const cl_buffer_region region = {0, kMiB / 2};
  cl_int status = CL_SUCCESS;
  cl_mem const part =
      clCreateSubBuffer(whole, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &status);
  EXPECT_EQ(status, CL_SUCCESS);
  const cl_image_format format = {CL_RGBA, CL_UNSIGNED_INT8};
  cl_image_desc shape{};
  shape.image_type = CL_MEM_OBJECT_IMAGE1D_BUFFER;
  shape.image_width = kMiB / 4;
  shape.mem_object = whole;
  cl_mem const image =
      clCreateImage(scene.context(), CL_MEM_READ_WRITE, &format, &shape, nullptr, &status);
  EXPECT_NE(image, nullptr);
  EXPECT_EQ(scene.report().used_bytes, kMiB);
  clReleaseMemObject(whole);  // its views hold it
  EXPECT_EQ(scene.report().used_bytes, kMiB);
  clReleaseMemObject(part);
  EXPECT_EQ(scene.report().used_bytes, kMiB);
  clReleaseMemObject(image);
  EXPECT_EQ(scene.report().used_bytes, 0U);
}

TEST(OpenclMemory, ReferencesHoldIt) {
  Scene scene;
  cl_mem const mem = scene.buffer(kMiB);
  clRetainMemObject(mem);
  clRetainMemObject(mem);
  clReleaseMemObject(mem);
  clReleaseMemObject(mem);
  EXPECT_EQ(scene.report().used_bytes, kMiB);
  clReleaseMemObject(mem);
  EXPECT_EQ(scene.report().used_bytes, 0U);
}

TEST(OpenclMemory, ACommandThatStillUsesItHoldsIt) {
  Scene scene("--memory 1048576", "hold_until_flush=1");
  cl_command_queue const queue = scene.queue();
  cl_mem const mem = scene.buffer(kMiB);
  const int zero = 0;
  ASSERT_EQ(clEnqueueFillBuffer(queue, mem, &zero, sizeof zero, 0, kMiB, 0, nullptr, nullptr),
            CL_SUCCESS);
  clReleaseMemObject(mem);
  EXPECT_EQ(scene.report().used_bytes, kMiB);
  EXPECT_EQ(scene.buffer(1), nullptr);
  clFinish(queue);
  EXPECT_TRUE(eventually([&] { return scene.report().used_bytes == 0; }));
  EXPECT_NE(scene.buffer(kMiB), nullptr);
}

TEST(OpenclMemory, OutlivesItsContextAndEndsWithItsLastObject) {
  Scene scene;
  cl_mem const mem = scene.buffer(kMiB);
  clReleaseContext(scene.context());
  EXPECT_EQ(scene.report().used_bytes, kMiB);
  clReleaseMemObject(mem);
  EXPECT_EQ(scene.report().used_bytes, 0U);
  EXPECT_EQ(scene.driver().bytes, 0);
}

struct Destroyed {
  std::vector<int> order;
  static void CL_CALLBACK first(cl_mem, void* self) {
    static_cast<Destroyed*>(self)->order.push_back(1);
  }
  static void CL_CALLBACK second(cl_mem, void* self) {
    static_cast<Destroyed*>(self)->order.push_back(2);
  }
};

TEST(OpenclMemory, ProgramsOwnDestructorCallbacksAreCalledOnceInOrder) {
  Scene scene;
  Destroyed seen;
  cl_mem const mem = scene.buffer(kMiB);
  clSetMemObjectDestructorCallback(mem, Destroyed::first, &seen);
  clSetMemObjectDestructorCallback(mem, Destroyed::second, &seen);
  clReleaseMemObject(mem);
  EXPECT_EQ(seen.order, (std::vector<int>{2, 1}));  // newest first, as the standard says
  EXPECT_EQ(scene.report().used_bytes, 0U);
}

class EnqueuedFree : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(, EnqueuedFree, testing::Bool(), [](const auto& test) {
  return test.param ? "WithEvent" : "WithoutEvent";
});

TEST_P(EnqueuedFree, CountsUntilItIsDone) {
  Scene scene("--memory 1048576", "hold_until_flush=1");
  cl_command_queue const queue = scene.queue();
  void* pointers[] = {clSVMAlloc(scene.context(), CL_MEM_READ_WRITE, kMiB / 2, 0),
                      clSVMAlloc(scene.context(), CL_MEM_READ_WRITE, kMiB / 2, 0)};
  cl_event event = nullptr;
  ASSERT_EQ(clEnqueueSVMFree(queue, 2, pointers, nullptr, nullptr, 0, nullptr,
                             GetParam() ? &event : nullptr),
            CL_SUCCESS);
  EXPECT_EQ(scene.report().used_bytes, kMiB);
  EXPECT_EQ(clSVMAlloc(scene.context(), CL_MEM_READ_WRITE, 1, 0), nullptr);
  clFinish(queue);
  EXPECT_TRUE(eventually([&] { return scene.report().used_bytes == 0; }));
  EXPECT_EQ(scene.driver().bytes, 0);
  if (event != nullptr) {
    EXPECT_EQ(clReleaseEvent(event), CL_SUCCESS);
  }
}

void CL_CALLBACK free_them(cl_command_queue, cl_uint count, void* pointers[], void* context) {
  for (cl_uint i = 0; i < count; ++i) clSVMFree(static_cast<cl_context>(context), pointers[i]);
}

TEST(OpenclMemory, EnqueuedFreeByTheProgramsOwnFunction) {
  Scene scene;
  cl_command_queue const queue = scene.queue();
  void* pointer = clSVMAlloc(scene.context(), CL_MEM_READ_WRITE, kMiB, 0);
  ASSERT_EQ(clEnqueueSVMFree(queue, 1, &pointer, free_them, scene.context(), 0, nullptr, nullptr),
            CL_SUCCESS);
  clFinish(queue);
  EXPECT_TRUE(eventually([&] { return scene.report().used_bytes == 0; }));
}

// Which function gave memory out and which takes it back need not be of one kind.
struct Maker {
  const char* name;
  void* (*make)(Scene&, std::size_t);
};
struct Taker {
  const char* name;
  void (*free)(Scene&, cl_command_queue, void*);
};

void* svm_alloc(Scene& scene, std::size_t bytes) {
  return clSVMAlloc(scene.context(), CL_MEM_READ_WRITE, bytes, 0);
}
template <class Function>
Function extension(Scene& scene, const char* name) {
  return reinterpret_cast<Function>(
      clGetExtensionFunctionAddressForPlatform(scene.platform(), name));
}
void* intel_alloc(Scene& scene, std::size_t bytes) {
  cl_int status = CL_SUCCESS;
  return extension<clSharedMemAllocINTEL_fn>(scene, "clSharedMemAllocINTEL")(
      scene.context(), scene.device(), nullptr, bytes, 0, &status);
}

void free_at_once(Scene& scene, cl_command_queue, void* pointer) {
  clSVMFree(scene.context(), pointer);
}
void free_enqueued(Scene&, cl_command_queue queue, void* pointer) {
  EXPECT_EQ(clEnqueueSVMFree(queue, 1, &pointer, nullptr, nullptr, 0, nullptr, nullptr),
            CL_SUCCESS);
}
void free_enqueued_with_event(Scene&, cl_command_queue queue, void* pointer) {
  cl_event event = nullptr;
  EXPECT_EQ(clEnqueueSVMFree(queue, 1, &pointer, nullptr, nullptr, 0, nullptr, &event), CL_SUCCESS);
  EXPECT_EQ(clReleaseEvent(event), CL_SUCCESS);
}
void free_by_own_function(Scene& scene, cl_command_queue queue, void* pointer) {
  EXPECT_EQ(clEnqueueSVMFree(queue, 1, &pointer, free_them, scene.context(), 0, nullptr, nullptr),
            CL_SUCCESS);
}
void free_intel(Scene& scene, cl_command_queue, void* pointer) {
  EXPECT_EQ(extension<clMemFreeINTEL_fn>(scene, "clMemFreeINTEL")(scene.context(), pointer),
            CL_SUCCESS);
}
void free_intel_blocking(Scene& scene, cl_command_queue, void* pointer) {
  EXPECT_EQ(extension<clMemBlockingFreeINTEL_fn>(scene, "clMemBlockingFreeINTEL")(scene.context(),
                                                                                  pointer),
            CL_SUCCESS);
}

constexpr Maker kMakers[] = {{"svm", svm_alloc}, {"intel", intel_alloc}};
constexpr Taker kTakers[] = {{"SVMFree", free_at_once},
                             {"EnqueueSVMFree", free_enqueued},
                             {"EnqueueSVMFree, event", free_enqueued_with_event},
                             {"EnqueueSVMFree, own function", free_by_own_function},
                             {"MemFreeINTEL", free_intel},
                             {"MemBlockingFreeINTEL", free_intel_blocking}};

TEST(OpenclMemory, EveryPairOfAllocAndFreeComesBackToTheStart) {
  Scene scene("--memory 1073741824");
  cl_command_queue const queue = scene.queue();
  for (const Maker& maker : kMakers)
    for (const Taker& taker : kTakers) {
      for (unsigned i = 0; i < 10'000; ++i) {
        void* const pointer = maker.make(scene, 1 + i % 8192);
        ASSERT_NE(pointer, nullptr) << maker.name << " " << taker.name << " " << i;
        taker.free(scene, queue, pointer);
        if (i % 64 == 0) clFinish(queue);
      }
      clFinish(queue);
      EXPECT_TRUE(eventually([&] { return scene.report().used_bytes == 0; }))
          << maker.name << " " << taker.name;
      EXPECT_EQ(scene.driver().bytes, 0) << maker.name << " " << taker.name;
    }
}

// Release by the program, by a command's end and by a view's end, in every order.
TEST(OpenclMemory, ReferencesOfEveryKindComeBackToTheStart) {
  Scene scene("--memory 1073741824");
  cl_command_queue const queue = scene.queue();
  const int zero = 0;
  for (unsigned i = 0; i < 10'000; ++i) {
    cl_mem const mem = scene.buffer(8192);
    ASSERT_NE(mem, nullptr) << i;
    const cl_buffer_region region = {0, 4096};
    cl_mem part = nullptr;
    if ((i & 1) != 0) clRetainMemObject(mem);
    if ((i & 2) != 0)
      part =
          clCreateSubBuffer(mem, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, nullptr);
    if ((i & 4) != 0) {
      EXPECT_EQ(clEnqueueFillBuffer(queue, mem, &zero, sizeof zero, 0, 4096, 0, nullptr, nullptr),
                CL_SUCCESS);
    }
    if ((i & 8) != 0) clReleaseMemObject(mem);
    if (part != nullptr) clReleaseMemObject(part);
    if ((i & 8) == 0) clReleaseMemObject(mem);
    if ((i & 1) != 0) clReleaseMemObject(mem);
    if (i % 64 == 0) clFinish(queue);
  }
  clFinish(queue);
  EXPECT_TRUE(eventually([&] { return scene.report().used_bytes == 0; }));
  EXPECT_EQ(scene.driver().bytes, 0);
  EXPECT_EQ(scene.driver().objects, 0);
}

// Loaders know the platform of such a function by its suffix.
TEST(OpenclMemory, ExtensionsAreHeldByTheOldWayToThemToo) {
  Scene scene("--memory 1048576", "suffix=INTEL");
  scene.platform();
  const auto alloc = reinterpret_cast<clHostMemAllocINTEL_fn>(
      clGetExtensionFunctionAddress("clHostMemAllocINTEL"));
  const auto free_it =
      reinterpret_cast<clMemFreeINTEL_fn>(clGetExtensionFunctionAddress("clMemFreeINTEL"));
  ASSERT_NE(alloc, nullptr);
  ASSERT_NE(free_it, nullptr);
  cl_int status = CL_SUCCESS;
  void* const most = alloc(scene.context(), nullptr, kMiB, 0, &status);
  ASSERT_NE(most, nullptr);
  EXPECT_EQ(scene.report().used_bytes, kMiB);
  EXPECT_EQ(alloc(scene.context(), nullptr, 1, 0, &status), nullptr);
  EXPECT_EQ(status, CL_OUT_OF_RESOURCES);
  EXPECT_EQ(scene.driver().allocations, 1);
  EXPECT_EQ(free_it(scene.context(), most), CL_SUCCESS);
  EXPECT_EQ(scene.report().used_bytes, 0U);
}

TEST(OpenclMemory, WhatIsFreedTwiceIsGivenBackOnce) {
  Scene scene;
  void* const kept = svm_alloc(scene, kMiB / 2);
  ASSERT_NE(kept, nullptr);
  void* const shared = svm_alloc(scene, kMiB / 4);
  void* const intel = intel_alloc(scene, kMiB / 4);
  ASSERT_NE(intel, nullptr);
  for (int i = 0; i < 3; ++i) {
    clSVMFree(scene.context(), shared);
    extension<clMemFreeINTEL_fn>(scene, "clMemFreeINTEL")(scene.context(), intel);
  }
  EXPECT_EQ(scene.report().used_bytes, kMiB / 2);
  EXPECT_EQ(scene.driver().bytes, static_cast<std::int64_t>(kMiB / 2));
  EXPECT_EQ(svm_alloc(scene, kMiB / 2 + 1), nullptr);
  clSVMFree(scene.context(), kept);
  EXPECT_EQ(scene.report().used_bytes, 0U);
}

TEST(OpenclMemory, TenThousandLiveObjectsComeBackToTheStart) {
  Scene scene("--memory 1073741824");
  std::vector<cl_mem> live;
  for (int i = 0; i < 10'000; ++i)
    live.push_back(scene.buffer(1 + static_cast<unsigned>(i) % 8192));
  for (cl_mem mem : live) ASSERT_NE(mem, nullptr);
  EXPECT_EQ(scene.report().used_bytes, static_cast<std::uint64_t>(scene.driver().bytes));
  for (cl_mem mem : live) clReleaseMemObject(mem);
  EXPECT_EQ(scene.report().used_bytes, 0U);
  EXPECT_EQ(scene.driver().bytes, 0);
}

}  // namespace
}  // namespace melon::test

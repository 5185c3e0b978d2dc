// SPDX-License-Identifier: Apache-2.0
// What a program in a grant sees of the machine's devices.

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "scene.h"

namespace melon::test {
namespace {

constexpr char kSecondOfThree[] =
    "--memory 1048576 --key 'opencl:Melon Simulated OpenCL|Melon simulated device|1'";

unsigned devices_of(cl_platform_id platform, cl_device_type type) {
  cl_uint count = 99;
  const cl_int status = clGetDeviceIDs(platform, type, 0, nullptr, &count);
  EXPECT_EQ(status, count == 0 ? CL_DEVICE_NOT_FOUND : CL_SUCCESS);
  return count;
}

TEST(OpenclDevices, OnlyGrantedOnesAreVisible) {
  Scene scene(kSecondOfThree, "devices=3,identity=0");
  EXPECT_EQ(devices_of(scene.platform(), CL_DEVICE_TYPE_ALL), 1U);
  EXPECT_EQ(devices_of(scene.platform(), CL_DEVICE_TYPE_GPU), 1U);
  EXPECT_EQ(devices_of(scene.platform(), CL_DEVICE_TYPE_CPU), 0U);
  cl_device_id all[4] = {};
  cl_uint count = 0;
  ASSERT_EQ(clGetDeviceIDs(scene.platform(), CL_DEVICE_TYPE_ALL, 4, all, &count), CL_SUCCESS);
  EXPECT_NE(all[0], nullptr);
  EXPECT_EQ(all[1], nullptr);
  cl_context const context =
      clCreateContextFromType(nullptr, CL_DEVICE_TYPE_ALL, nullptr, nullptr, nullptr);
  ASSERT_NE(context, nullptr);
  ASSERT_EQ(clGetContextInfo(context, CL_CONTEXT_NUM_DEVICES, sizeof count, &count, nullptr),
            CL_SUCCESS);
  EXPECT_EQ(count, 1U);
  ASSERT_NE(clCreateBuffer(context, CL_MEM_READ_WRITE, 4096, nullptr, nullptr), nullptr);
  EXPECT_EQ(scene.driver().device_bytes[0], 0);
  EXPECT_EQ(scene.driver().device_bytes[1], 4096);
}

TEST(OpenclDevices, ADeviceThatTellsItsUuidIsKnownByIt) {
  Scene scene("--memory 1048576 --key uuid:5e101700000000000000000000000002",
              "devices=3,identity=1");
  EXPECT_EQ(devices_of(scene.platform(), CL_DEVICE_TYPE_ALL), 1U);
  ASSERT_NE(scene.buffer(4096), nullptr);
  EXPECT_EQ(scene.driver().device_bytes[2], 4096);
}

TEST(OpenclDevices, MalformedCallsAreTheDriversToRefuse) {
  Scene scene;
  EXPECT_EQ(clGetDeviceIDs(scene.platform(), CL_DEVICE_TYPE_ALL, 0, nullptr, nullptr),
            CL_INVALID_VALUE);
  cl_ulong value = 0;
  EXPECT_EQ(clGetDeviceInfo(scene.device(), CL_DEVICE_GLOBAL_MEM_SIZE, 4, &value, nullptr),
            CL_INVALID_VALUE);
  std::size_t bytes = 0;
  EXPECT_EQ(clGetDeviceInfo(scene.device(), CL_DEVICE_GLOBAL_MEM_SIZE, 0, nullptr, &bytes),
            CL_SUCCESS);
  EXPECT_EQ(bytes, sizeof value);
}

TEST(OpenclDevices, SizesAreTheSlices) {
  Scene scene("--memory 33554432");
  EXPECT_EQ(scene.device_number(CL_DEVICE_GLOBAL_MEM_SIZE), 32 * kMiB);
  EXPECT_EQ(scene.device_number(CL_DEVICE_MAX_MEM_ALLOC_SIZE), 32 * kMiB);
  EXPECT_EQ(scene.device_number(CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE), 65536U);  // smaller anyway
}

// Free in all and in the largest block, in KiB, where the driver tells them.
struct FreeMemory {
  std::size_t all_kib, block_kib;
};

FreeMemory free_memory(Scene& scene) {
  constexpr cl_device_info kFreeMemoryAmd = 0x4039;
  FreeMemory shown{};
  std::size_t bytes = 0;
  EXPECT_EQ(clGetDeviceInfo(scene.device(), kFreeMemoryAmd, sizeof shown, &shown, &bytes),
            CL_SUCCESS);
  EXPECT_EQ(bytes, sizeof shown);
  return shown;
}

TEST(OpenclDevices, FreeMemoryIsWhatTheSliceHasLeft) {
  Scene scene("--memory 33554432");
  EXPECT_EQ(free_memory(scene).all_kib, 32 * 1024U);
  EXPECT_EQ(free_memory(scene).block_kib, 32 * 1024U);
  cl_mem const mem = scene.buffer(8 * kMiB + 1);
  ASSERT_NE(mem, nullptr);
  EXPECT_EQ(free_memory(scene).all_kib, 24 * 1024U - 4);
  EXPECT_EQ(free_memory(scene).block_kib, 24 * 1024U - 4);
  scene.set("--memory 4194304");  // below what is used
  EXPECT_TRUE(eventually([&] { return free_memory(scene).all_kib == 0; }));
  clReleaseMemObject(mem);
  EXPECT_EQ(free_memory(scene).all_kib, 4 * 1024U);
}

TEST(OpenclDevices, FreeMemoryIsNeverMoreThanTheDeviceHas) {
  Scene scene("--memory 68719476736", "memory_mib=64");
  EXPECT_EQ(free_memory(scene).all_kib, 64 * 1024U);
  ASSERT_NE(scene.buffer(16 * kMiB), nullptr);
  EXPECT_EQ(free_memory(scene).all_kib, 48 * 1024U);
}

TEST(OpenclDevices, ASliceAboveTheDeviceShowsTheDevice) {
  Scene scene("--memory 68719476736", "memory_mib=64");
  EXPECT_EQ(scene.device_number(CL_DEVICE_GLOBAL_MEM_SIZE), 64 * kMiB);
}

TEST(OpenclDevices, AChangedLimitIsSeenAndKept) {
  Scene scene("--memory 1048576");
  cl_mem const mem = scene.buffer(kMiB);
  ASSERT_NE(mem, nullptr);
  scene.set("--memory 2097152");
  EXPECT_TRUE(
      eventually([&] { return scene.device_number(CL_DEVICE_GLOBAL_MEM_SIZE) == 2 * kMiB; }));
  cl_mem const more = scene.buffer(kMiB);
  EXPECT_NE(more, nullptr);
  scene.set("--memory 65536");  // below what is used: only new ones are refused
  EXPECT_TRUE(eventually([&] { return scene.device_number(CL_DEVICE_GLOBAL_MEM_SIZE) == 65536; }));
  clReleaseMemObject(more);
  EXPECT_EQ(scene.buffer(1), nullptr);
  clReleaseMemObject(mem);
  EXPECT_NE(scene.buffer(65536), nullptr);
}

TEST(OpenclDevices, SubDevicesAreTheirParentsSlice) {
  Scene scene;
  const cl_device_partition_property equally[] = {CL_DEVICE_PARTITION_EQUALLY, 2, 0};
  cl_device_id parts[2] = {};
  ASSERT_EQ(clCreateSubDevices(scene.device(), equally, 2, parts, nullptr), CL_SUCCESS);
  cl_ulong shown = 0;
  clGetDeviceInfo(parts[0], CL_DEVICE_GLOBAL_MEM_SIZE, sizeof shown, &shown, nullptr);
  EXPECT_EQ(shown, kMiB);
  cl_context const context = clCreateContext(nullptr, 2, parts, nullptr, nullptr, nullptr);
  ASSERT_NE(context, nullptr);
  ASSERT_NE(clCreateBuffer(context, CL_MEM_READ_WRITE, kMiB, nullptr, nullptr), nullptr);
  EXPECT_EQ(scene.buffer(1), nullptr);
  EXPECT_EQ(scene.report().used_bytes, kMiB);  // once, though the context has two parts
}

// What a program gets for calls that are wrong.
std::string answers_to_wrong_calls(Scene& scene) {
  std::string all;
  const auto note = [&](const char* what, cl_int status) {
    all += std::string(what) + "=" + std::to_string(status) + " ";
  };
  note("release null", clReleaseMemObject(nullptr));
  note("retain null", clRetainMemObject(nullptr));
  cl_mem const mem = scene.buffer(4096);
  note("release", clReleaseMemObject(mem));
  note("release twice", clReleaseMemObject(mem));
  cl_int status = 1;
  clCreateBuffer(scene.context(), CL_MEM_READ_WRITE, 0, nullptr, &status);
  note("no bytes", status);
  clCreateBuffer(nullptr, CL_MEM_READ_WRITE, 4096, nullptr, &status);
  note("no context", status);
  clCreateImage(scene.context(), CL_MEM_READ_WRITE, nullptr, nullptr, nullptr, &status);
  note("no format", status);
  note("no queue", clFinish(nullptr));
  note("no kernel", clEnqueueNDRangeKernel(scene.queue(), nullptr, 1, nullptr, nullptr, nullptr, 0,
                                           nullptr, nullptr));
  note("no event", clSetUserEventStatus(nullptr, CL_COMPLETE));
  note("queue null", clReleaseCommandQueue(nullptr));
  cl_ulong value = 0;
  note("device null",
       clGetDeviceInfo(nullptr, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof value, &value, nullptr));
  int local = 0;
  clSVMFree(scene.context(), nullptr);
  clSVMFree(scene.context(), &local);  // nobody's: ignored
  void* const shared = clSVMAlloc(scene.context(), CL_MEM_READ_WRITE, 4096, 0);
  clSVMFree(scene.context(), shared);
  clSVMFree(scene.context(), shared);
  const auto free_intel = reinterpret_cast<clMemFreeINTEL_fn>(
      clGetExtensionFunctionAddressForPlatform(scene.platform(), "clMemFreeINTEL"));
  const auto allocate_intel = reinterpret_cast<clHostMemAllocINTEL_fn>(
      clGetExtensionFunctionAddressForPlatform(scene.platform(), "clHostMemAllocINTEL"));
  note("intel null", free_intel(scene.context(), nullptr));
  note("intel unknown", free_intel(scene.context(), &local));
  void* const usm = allocate_intel(scene.context(), nullptr, 4096, 0, &status);
  note("intel free", free_intel(scene.context(), usm));
  note("intel free twice", free_intel(scene.context(), usm));
  return all;
}

TEST(OpenclDevices, WrongCallsAreAnsweredAsWithoutMelon) {
  Scene scene;
  const std::string inside = answers_to_wrong_calls(scene);
  EXPECT_EQ(scene.report().used_bytes, 0U);
  // The same without the library: by executing this program again.
  const std::string command = "env -u LD_PRELOAD -u OPENCL_LAYERS -u MELON_GRANT /proc/" +
                              std::to_string(getpid()) +
                              "/exe --gtest_filter=OpenclDevices.WrongCallsAreRefused";
  FILE* const out = popen(command.c_str(), "r");
  ASSERT_NE(out, nullptr);
  std::string bare;
  for (int c; (c = std::fgetc(out)) != EOF;) bare += static_cast<char>(c);
  EXPECT_EQ(pclose(out), 0);
  EXPECT_NE(bare.find("[" + inside + "]"), std::string::npos) << inside << "\nbare:\n" << bare;
}

TEST(OpenclDevices, WrongCallsAreRefused) {
  Scene scene;
  const std::string answers = answers_to_wrong_calls(scene);
  std::printf("[%s]\n", answers.c_str());  // for the test above
  EXPECT_NE(answers.find("release null=" + std::to_string(CL_INVALID_MEM_OBJECT)),
            std::string::npos);
  EXPECT_NE(answers.find("release twice=" + std::to_string(CL_INVALID_MEM_OBJECT)),
            std::string::npos);
  EXPECT_NE(answers.find("intel unknown=" + std::to_string(CL_INVALID_VALUE)), std::string::npos);
}

}  // namespace
}  // namespace melon::test

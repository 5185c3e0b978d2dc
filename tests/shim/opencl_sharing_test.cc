// SPDX-License-Identifier: Apache-2.0
// One grant, several threads and processes: one limit.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>
#include <vector>

#include "scene.h"
#include "shim/abi/region.h"

namespace melon::test {
namespace {

// Allocates until refused; the number of objects made.
int fill(Scene& scene, std::uint64_t each) {
  int made = 0;
  while (scene.buffer(each) != nullptr) ++made;
  return made;
}

TEST(OpenclSharing, ProcessesOfOneGrantShareOneLimit) {
  Scene scene("--memory 16777216");
  const auto take_some = [&] {
    for (int i = 0; i < 50; ++i)
      if (scene.buffer(65536) == nullptr) return 1;
    return 0;
  };
  // They stay alive and hold what they have until their input ends.
  int gate[2];
  int told[2];
  ASSERT_EQ(pipe(gate), 0);
  ASSERT_EQ(pipe(told), 0);
  std::vector<int> children;
  for (int i = 0; i < 3; ++i)
    children.push_back(in_child([&] {
      close(gate[1]);
      const int failed = take_some();
      char byte = static_cast<char>(failed);
      if (write(told[1], &byte, 1) != 1) return 2;
      if (read(gate[0], &byte, 1) != 0) return 2;
      return failed;
    }));
  for (int i = 0; i < 3; ++i) {
    char byte = 1;
    ASSERT_EQ(read(told[0], &byte, 1), 1);
    EXPECT_EQ(byte, 0);
  }
  EXPECT_EQ(scene.report().used_bytes, 150 * 65536U);
  EXPECT_EQ(fill(scene, 65536), 256 - 150);
  EXPECT_EQ(scene.driver().bytes, 16 << 20);
  EXPECT_EQ(scene.driver().peak_bytes, 16 << 20);
  close(gate[1]);
  for (int child : children) EXPECT_EQ(outcome_of(child), 0);
  EXPECT_EQ(fill(scene, 65536), 150);  // what the others held
}

TEST(OpenclSharing, AKilledProcessLeavesNothingBehind) {
  Scene scene("--memory 16777216");
  int told[2];
  ASSERT_EQ(pipe(told), 0);
  const int child = in_child([&] {
    fill(scene, 65536);
    if (write(told[1], "x", 1) != 1) return 1;
    for (;;) pause();
  });
  char byte = 0;
  ASSERT_EQ(read(told[0], &byte, 1), 1);
  EXPECT_EQ(scene.buffer(1), nullptr);
  kill(child, SIGKILL);
  // Unwaited-for: the kernel still lists it, as a zombie.
  EXPECT_TRUE(eventually([&] { return scene.buffer(1) != nullptr; }));
  EXPECT_EQ(fill(scene, 65536), 255);
  EXPECT_EQ(outcome_of(child), 128 + SIGKILL);
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kRounds = 4'000;
#else
constexpr int kRounds = 20'000;
#endif

// Allocates and frees at random for a number of rounds.
void churn(Scene& scene, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<cl_mem> held;
  for (int i = 0; i < kRounds; ++i) {
    cl_mem const mem = scene.buffer(1 + random() % 100'000);
    if (mem != nullptr) held.push_back(mem);
    if (mem == nullptr || random() % 3 == 0)
      for (std::size_t n = random() % 8; n > 0 && !held.empty(); --n) {
        std::swap(held[random() % held.size()], held.back());
        clReleaseMemObject(held.back());
        held.pop_back();
      }
  }
  for (cl_mem mem : held) clReleaseMemObject(mem);
}

TEST(OpenclSharing, FourProcessesOfFourThreadsNeverOvershoot) {
  Scene scene("--memory 4194304");
  std::vector<int> children;
  for (unsigned process = 0; process < 4; ++process)
    children.push_back(in_child([&] {
      scene.context();
      std::vector<std::thread> threads;
      for (unsigned i = 0; i < 4; ++i)
        threads.emplace_back([&scene, process, i] { churn(scene, 1 + process * 4 + i); });
      for (std::thread& thread : threads) thread.join();
      return 0;
    }));
  for (int child : children) EXPECT_EQ(outcome_of(child), 0);
  EXPECT_GT(scene.report().refusals, 100U);  // they did race to the limit
  EXPECT_GT(scene.driver().peak_bytes, 4'000'000);
  EXPECT_LE(scene.driver().peak_bytes, 4 << 20);
  EXPECT_EQ(scene.driver().bytes, 0);
  EXPECT_EQ(scene.report().used_bytes, 0U);
}

TEST(OpenclSharing, SixtyFourStartAtOnce) {
  Scene scene("--memory 16777216");
  std::vector<int> children;
  for (int i = 0; i < 64; ++i)
    children.push_back(in_child([&] { return scene.buffer(4096) != nullptr ? 0 : 1; }));
  for (int child : children) EXPECT_EQ(outcome_of(child), 0);
  EXPECT_TRUE(eventually([&] { return scene.report().used_bytes == 0; }));
}

TEST(OpenclSharing, FiveHundredTwelveProcessesAndNoMore) {
  Scene scene("--memory 16777216");
  int gate[2];
  int told[2];
  ASSERT_EQ(pipe(gate), 0);
  ASSERT_EQ(pipe(told), 0);
  // Each holds 4 KiB until its input ends; it tells whether it got them.
  const auto hold = [&] {
    close(gate[1]);
    char byte = scene.buffer(4096) != nullptr ? 'y' : 'n';
    if (write(told[1], &byte, 1) != 1) return 2;
    return read(gate[0], &byte, 1) == 0 ? 0 : 2;
  };
  const auto next_answer = [&] {
    char byte = 0;
    return read(told[0], &byte, 1) == 1 ? byte : '?';
  };
  std::vector<int> children;
  for (unsigned i = 0; i < abi::kMaxProcesses; ++i) {
    children.push_back(in_child(hold));
    ASSERT_GT(children.back(), 0);
  }
  for (unsigned i = 0; i < abi::kMaxProcesses; ++i) ASSERT_EQ(next_answer(), 'y') << i;
  EXPECT_EQ(scene.report().used_bytes, abi::kMaxProcesses * 4096U);
  EXPECT_EQ(scene.report().flags, 0U);
  children.push_back(in_child(hold));
  EXPECT_EQ(next_answer(), 'n');
  EXPECT_EQ(scene.report().flags, std::uint64_t{abi::kFlagTooManyProcesses});
  EXPECT_EQ(scene.driver().bytes, abi::kMaxProcesses * 4096);
  // One ends, and there is room for another.
  kill(children[0], SIGKILL);
  EXPECT_EQ(outcome_of(children[0]), 128 + SIGKILL);
  children[0] = in_child(hold);
  EXPECT_EQ(next_answer(), 'y');
  close(gate[1]);
  for (int child : children) EXPECT_EQ(outcome_of(child), 0);
  EXPECT_EQ(scene.report().used_bytes, 0U);
}

std::size_t threads_of_process() {
  const std::filesystem::directory_iterator threads("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(threads), end(threads)));
}

// The program's own and the simulated driver's, whatever is limited.
TEST(OpenclSharing, NoLimitStartsAThread) {
  for (const char* const limits :
       {"--share weighted", "--compute 250", "--share weighted --weight 50",
        "--share burst --compute 200 --ceiling 500", "--compute 500 --priority high"}) {
    Scene scene(std::string("--memory 16777216 ") + limits);
    // In a child of its own: a process attaches to one grant.
    const int busy = in_child([&] {
      scene.device();
      const std::size_t before = threads_of_process();
      cl_command_queue const queue = scene.queue();
      cl_kernel const kernel = scene.kernel("k_1000");
      const std::size_t items = 1;
      for (int i = 0; i < 50; ++i) {
        cl_mem const mem = scene.buffer(4096);
        if (clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &items, nullptr, 0, nullptr,
                                   nullptr) != CL_SUCCESS)
          return 1;
        clReleaseMemObject(mem);
      }
      clFinish(queue);
      return before == 2 && threads_of_process() == 2 ? 0 : 2;
    });
    EXPECT_EQ(outcome_of(busy), 0) << limits;
    EXPECT_GT(scene.report().launches, 40U) << limits;  // unlimited ones are counted in batches
  }
}

TEST(OpenclSharing, AForkedChildHasItsOwnAccount) {
  Scene scene("--memory 16777216");
  ASSERT_NE(scene.buffer(kMiB), nullptr);
  cl_mem const inherited = scene.buffer(kMiB);
  const int quiet = in_child([] { return 0; });
  EXPECT_EQ(outcome_of(quiet), 0);
  EXPECT_EQ(scene.report().used_bytes, 2 * kMiB);
  const int busy = in_child([&] {
    clReleaseMemObject(inherited);  // the parent's: must not be given back twice
    if (scene.buffer(4 * kMiB) == nullptr) return 1;
    if (scene.report().used_bytes != 6 * kMiB) return 2;
    return 0;
  });
  EXPECT_EQ(outcome_of(busy), 0);
  EXPECT_TRUE(eventually([&] { return scene.report().used_bytes == 2 * kMiB; }));
  const int other = in_child([] {
    execl("/bin/true", "true", nullptr);
    return 1;
  });
  EXPECT_EQ(outcome_of(other), 0);
  EXPECT_EQ(scene.report().used_bytes, 2 * kMiB);
  clReleaseMemObject(inherited);
  EXPECT_EQ(scene.report().used_bytes, kMiB);
}

// A context made before the fork leads to the driver, though no grant stands behind it any more.
TEST(OpenclSharing, AChildThatOutlivesTheGrantAllocatesNothing) {
  Scene scene("--memory 16777216");
  ASSERT_NE(scene.buffer(kMiB), nullptr);
  const auto aside = scene.grant().string() + ".over";
  std::filesystem::rename(scene.grant(), aside);
  EXPECT_EQ(outcome_of(in_child([&] { return scene.buffer(kMiB) == nullptr ? 0 : 1; })), 0);
  std::filesystem::rename(aside, scene.grant());
  EXPECT_NE(scene.buffer(kMiB), nullptr) << "the parent's grant is what it was";
}

// The limit holds in this process although its ledger is of no use.
void expect_local_limit(Scene& scene) {
  EXPECT_EQ(scene.device_number(CL_DEVICE_GLOBAL_MEM_SIZE), kMiB);
  EXPECT_EQ(fill(scene, 65536), 16);
  EXPECT_EQ(scene.driver().bytes, static_cast<std::int64_t>(kMiB));
}

TEST(OpenclSharing, ATruncatedLedgerLeavesTheLimitInPlace) {
  Scene scene;
  ASSERT_EQ(truncate((scene.grant() / "ledger").c_str(), 100), 0);
  expect_local_limit(scene);
}

TEST(OpenclSharing, AForeignLedgerLeavesTheLimitInPlace) {
  Scene scene;
  std::ofstream(scene.grant() / "ledger") << std::string(8192, 'x');
  expect_local_limit(scene);
}

TEST(OpenclSharing, AMissingLedgerLeavesTheLimitInPlace) {
  Scene scene;
  std::filesystem::remove(scene.grant() / "ledger");
  expect_local_limit(scene);
}

TEST(OpenclSharing, WithoutAPolicyNothingIsGranted) {
  Scene scene;
  std::filesystem::remove(scene.grant() / "policy");
  cl_uint count = 7;
  EXPECT_EQ(clGetDeviceIDs(scene.platform(), CL_DEVICE_TYPE_ALL, 0, nullptr, &count),
            CL_DEVICE_NOT_FOUND);
  EXPECT_EQ(count, 0U);
}

}  // namespace
}  // namespace melon::test

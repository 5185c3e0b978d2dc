// SPDX-License-Identifier: Apache-2.0
// A tenant that is stopped in the middle of its work (SIGSTOP) holds nobody up; one that goes on
// (SIGCONT) has what it had and no more.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "scene.h"

namespace melon::test {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

void run_one(cl_command_queue queue, cl_kernel kernel) {
  const std::size_t items = 256;
  clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &items, nullptr, 0, nullptr, nullptr);
}

/// A tenant that holds 1 MiB and keeps its device busy until it is killed.
class Worker {
 public:
  Worker(Scene& scene, const std::filesystem::path& grant)
      : pid_(in_child([&scene, grant] {
          setenv("MELON_GRANT", grant.c_str(), 1);
          if (scene.buffer(kMiB) == nullptr) return 1;
          cl_command_queue const queue = scene.queue();
          cl_kernel const kernel = scene.kernel("k_1000");
          for (;;) run_one(queue, kernel);
        })) {}
  ~Worker() {
    kill(pid_, SIGKILL);
    EXPECT_EQ(outcome_of(pid_), 128 + SIGKILL);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void stop() const {
    kill(pid_, SIGSTOP);
    int status = 0;
    ASSERT_EQ(waitpid(pid_, &status, WUNTRACED), pid_);
    ASSERT_TRUE(WIFSTOPPED(status));
  }
  void go_on() const { kill(pid_, SIGCONT); }

 private:
  int pid_;
};

struct Pair {
  const char* name;
  const char* stopped;
  const char* other;
};

class StoppedTenant : public testing::TestWithParam<Pair> {};
INSTANTIATE_TEST_SUITE_P(, StoppedTenant,
                         testing::Values(Pair{"OfGreatWeight", "--share weighted --weight 1000",
                                              "--share weighted --weight 1"},
                                         Pair{"OfHighPriority", "--share weighted --priority high",
                                              "--share weighted --priority low"},
                                         Pair{"WithAGuarantee", "--share burst --compute 900",
                                              "--share weighted"},
                                         Pair{"WithALimit", "--compute 900", "--compute 100"}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_P(StoppedTenant, HoldsNoOtherUp) {
  Scene scene(GetParam().other);
  const Worker worker(scene, scene.add_rival(GetParam().stopped));
  ASSERT_TRUE(eventually([&] { return scene.driver().launches >= 50; }));
  worker.stop();
  const std::int64_t before = scene.driver().launches;
  cl_command_queue const queue = scene.queue();
  cl_kernel const kernel = scene.kernel("k_1000");
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 200; ++i) run_one(queue, kernel);
  EXPECT_EQ(clFinish(queue), CL_SUCCESS);
  EXPECT_EQ(scene.driver().launches - before, 200);
  // 2 s under the least of the limits. What a stopped tenant claims lapses within a second.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST(StoppedProcess, KeepsItsMemoryAndLeavesTheRest) {
  Scene scene("--memory 2097152 --compute 500");
  const Worker worker(scene, scene.grant());
  ASSERT_TRUE(eventually([&] { return scene.driver().launches >= 20; }));
  worker.stop();
  EXPECT_EQ(scene.report().used_bytes, kMiB);
  EXPECT_EQ(scene.buffer(kMiB + 1), nullptr) << "a stopped process is not dead";
  EXPECT_NE(scene.buffer(kMiB), nullptr);
  const std::int64_t before = scene.driver().launches;
  cl_command_queue const queue = scene.queue();
  cl_kernel const kernel = scene.kernel("k_1000");
  for (int i = 0; i < 100; ++i) run_one(queue, kernel);
  EXPECT_EQ(clFinish(queue), CL_SUCCESS);
  EXPECT_EQ(scene.driver().launches - before, 100);
}

TEST(StoppedProcess, GoesOnUnderItsLimit) {
  Scene scene("--compute 200");
  const Worker worker(scene, scene.grant());
  const auto busy = [&] { return scene.driver().busy_ns.load(); };
  ASSERT_TRUE(eventually([&] { return busy() > 100 * kMillisecond; }));
  worker.stop();
  const std::int64_t stopped_at = busy();
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));  // earns 300 ms that do not count
  EXPECT_EQ(busy(), stopped_at);
  const auto begin = std::chrono::steady_clock::now();
  worker.go_on();
  EXPECT_TRUE(eventually([&] { return busy() > stopped_at + 200 * kMillisecond; }));
  const std::int64_t done = busy() - stopped_at;
  const std::int64_t wall =
      (std::chrono::steady_clock::now() - begin) / std::chrono::nanoseconds(1);
  // The burst, and what was in flight when it was stopped; however slow the machine is, not more.
  EXPECT_LE(done, wall / 5 + 60 * kMillisecond);
}

}  // namespace
}  // namespace melon::test

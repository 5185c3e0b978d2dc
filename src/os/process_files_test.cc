// SPDX-License-Identifier: Apache-2.0
// What is read of this very process must be what the kernel tells by other means.
#include "os/process_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "os/descriptor.h"

namespace melon::os {
namespace {

TEST(ProcessFiles, TellsOfThisProcess) {
  const auto stat = process_stat(::getpid());
  ASSERT_TRUE(stat);
  EXPECT_GT(stat->start_ticks, 0u);
  EXPECT_EQ(process_user(::getpid()), ::getuid());
  EXPECT_THAT(process_command(::getpid()), testing::HasSubstr("os_test"));
  EXPECT_THAT(process_ids(), testing::Contains(::getpid()));
}

TEST(ProcessFiles, ANameWithParenthesesAndSpacesIsNotMistakenForFields) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NAME, ") R 1 (x) 9 9");
    ::pause();
  }
  std::optional<ProcessStat> stat;
  do stat = process_stat(child);
  while (stat && stat->name != ") R 1 (x) 9 9");
  ASSERT_TRUE(stat);
  EXPECT_GE(stat->start_ticks, process_stat(::getpid())->start_ticks);
  EXPECT_THAT(stat->state, testing::AnyOf('S', 'R', 'D'));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(process_stat(child));
  EXPECT_FALSE(process_user(child));
  EXPECT_EQ(process_command(child), "");
}

TEST(ProcessFiles, FindsAProcessThatCountsForItself) {
  EXPECT_NE(pid_namespace(::getpid()), 0U);
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const auto child = static_cast<pid_t>(::syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0));
  if (child == 0) {
    const char good = ::getpid() == 1;
    if (::write(ready[1], &good, 1) == 1) ::pause();
    ::_exit(0);
  }
  if (child < 0) GTEST_SKIP() << "SKIPPED: no pid namespace can be made here";
  char good = 0;
  ASSERT_EQ(::read(ready[0], &good, 1), 1);
  EXPECT_EQ(good, 1);
  const auto others = processes_of_other_namespaces();
  const auto found = std::ranges::find(others, child, &NamespacedProcess::pid);
  ASSERT_NE(found, others.end());
  EXPECT_EQ(found->inner_pid, 1);
  EXPECT_EQ(found->pid_namespace, pid_namespace(child));
  EXPECT_NE(found->pid_namespace, pid_namespace(::getpid()));
  EXPECT_EQ(std::ranges::find(others, ::getpid(), &NamespacedProcess::pid), others.end());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(pid_namespace(child), 0U);
}

TEST(ProcessFiles, ResidentMemoryIsWhatWasWrittenTo) {
  constexpr std::size_t kBytes = 64U << 20;
  const auto before = resident_bytes(::getpid());
  ASSERT_TRUE(before);
  void* const block = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  ASSERT_NE(block, MAP_FAILED);
  const auto with = resident_bytes(::getpid());
  ::munmap(block, kBytes);
  ASSERT_TRUE(with);
  EXPECT_GE(*with + (8U << 20), *before + kBytes) << "the kernel counts some pages late";
  EXPECT_FALSE(resident_bytes(0x3fffff));
}

TEST(ProcessFiles, ReadsAtMostWhatIsAsked) {
  EXPECT_EQ(read_file("/proc/self/maps", 100)->size(), 100u);
  EXPECT_FALSE(read_file("/nonexistent"));
}

/// A folder of this test's own, and what others might put into a shared one.
class ReadFileTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(folder_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const char* name) const { return folder_ + "/" + name; }

  std::string folder_ = testing::TempDir() + "read-XXXXXX";
};

TEST_F(ReadFileTest, AnythingButAFileIsNoFile) {
  std::ofstream(path("file")) << "text";
  EXPECT_EQ(read_file(path("file")), "text");
  ASSERT_EQ(::symlink(path("file").c_str(), path("link").c_str()), 0);
  EXPECT_FALSE(read_file(path("link")));
  EXPECT_FALSE(read_file("/dev/zero", 16));
  EXPECT_FALSE(read_file(folder_));
}

TEST_F(ReadFileTest, APipeThatNobodyWritesToDoesNotBlock) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0666), 0);
  const Descriptor held(::open(path("pipe").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(held);
  EXPECT_FALSE(read_file(path("pipe")));
}

TEST_F(ReadFileTest, AFileWithALeaseDoesNotBlock) {
  std::ofstream(path("file")) << "text";
  const Descriptor held(::open(path("file").c_str(), O_RDWR | O_CLOEXEC));
  if (::fcntl(held.number(), F_SETLEASE, F_WRLCK) != 0) GTEST_SKIP() << "no leases here";
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGIO, &ignore, &before);  // the kernel asks for the lease back
  EXPECT_FALSE(read_file(path("file")));
  ASSERT_EQ(::fcntl(held.number(), F_SETLEASE, F_UNLCK), 0);
  ::sigaction(SIGIO, &before, nullptr);
  EXPECT_EQ(read_file(path("file")), "text");
}

}  // namespace
}  // namespace melon::os

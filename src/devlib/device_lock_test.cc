// SPDX-License-Identifier: Apache-2.0
// One daemon per device, across processes and users.
#include "devlib/device_lock.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

namespace melon::devlib {
namespace {

using testing::HasSubstr;

class DeviceLockTest : public testing::Test {
 protected:
  DeviceLockTest() {
    std::string name = (std::filesystem::temp_directory_path() / "melon-lock-XXXXXX").string();
    parent_ = ::mkdtemp(name.data());
    std::filesystem::permissions(parent_, std::filesystem::perms(0755));
    folder_ = (parent_ / "locks").string();
  }
  ~DeviceLockTest() override { std::filesystem::remove_all(parent_); }

  std::filesystem::path parent_;
  std::string folder_;
};

TEST_F(DeviceLockTest, ASecondDaemonIsToldWhoHoldsTheDevice) {
  auto first = DeviceLock::take(folder_, "uuid:1", "/var/lib/melon a");
  ASSERT_TRUE(first) << first.error().message;
  const auto second = DeviceLock::take(folder_, "uuid:1", "/elsewhere");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAlreadyExists);
  EXPECT_THAT(second.error().message, HasSubstr(std::to_string(::getpid())));
  EXPECT_THAT(second.error().message, HasSubstr("'/var/lib/melon a'"));
  EXPECT_TRUE(DeviceLock::take(folder_, "uuid:2", "/elsewhere")) << "another device is free";
  { const auto released = *std::move(first); }
  EXPECT_TRUE(DeviceLock::take(folder_, "uuid:1", "/elsewhere"));
}

TEST_F(DeviceLockTest, AKilledDaemonHoldsNothing) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = DeviceLock::take(folder_, "uuid:1", "/a");
    if (::write(ends[1], lock ? "1" : "0", 1) == 1) ::pause();
    ::_exit(1);
  }
  char taken = 0;
  ASSERT_EQ(::read(ends[0], &taken, 1), 1);
  EXPECT_EQ(taken, '1');
  EXPECT_FALSE(DeviceLock::take(folder_, "uuid:1", "/b"));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(DeviceLock::take(folder_, "uuid:1", "/b"));
}

TEST_F(DeviceLockTest, DaemonsOfSeveralUsersShareTheFolder) {
  if (::getuid() != 0) GTEST_SKIP() << "needs root to become another user";
  const auto as_user = [this](uid_t user, const char* state) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (::setuid(user) != 0) ::_exit(2);
      const auto lock = DeviceLock::take(folder_, "uuid:1", state);
      if (lock) ::_exit(0);
      ::_exit(lock.error().code == Code::kAlreadyExists &&
                      lock.error().message.find("'/root-state'") != std::string::npos
                  ? 1
                  : 3);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  };
  {
    const auto root = DeviceLock::take(folder_, "uuid:1", "/root-state");
    ASSERT_TRUE(root);
    EXPECT_EQ(as_user(65534, "/a"), 1);
  }
  EXPECT_EQ(as_user(65534, "/a"), 0);
  EXPECT_EQ(as_user(65533, "/b"), 0);
  EXPECT_TRUE(DeviceLock::take(folder_, "uuid:1", "/root-state"));
}

TEST_F(DeviceLockTest, ALinkInPlaceOfALockIsNotFollowed) {
  { ASSERT_TRUE(DeviceLock::take(folder_, "uuid:1", "/a")); }
  const auto file = std::filesystem::directory_iterator(folder_)->path();
  std::filesystem::remove(file);
  const auto target = parent_ / "precious";
  std::filesystem::create_symlink(target, file);
  const auto refused = DeviceLock::take(folder_, "uuid:1", "/a");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPermissionDenied);
  EXPECT_FALSE(std::filesystem::exists(target));
}

TEST_F(DeviceLockTest, AFolderThatCannotBeUsedIsSaid) {
  EXPECT_EQ(DeviceLock::take((parent_ / "a/b/c").string(), "uuid:1", "/a").error().code,
            Code::kUnavailable);
}

}  // namespace
}  // namespace melon::devlib

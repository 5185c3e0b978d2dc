// SPDX-License-Identifier: Apache-2.0
// One daemon per device, across processes and users.
#include "devlib/device_lock.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

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
                      lock.error().message.find("'/root-state'") != std::string::npos &&
                      lock.error().remedy == fmt::format("sudo kill {}", ::getppid())
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

/// What a child of another user answers, as its exit status.
template <class Function>
int as_user(uid_t user, Function function) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::setgid(user) == 0 && ::setuid(user) == 0 ? function() : 99);
  int status = -1;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

class LockFolderOfAUserTest : public DeviceLockTest {
 protected:
  static constexpr uid_t kUser = 65534;
  static constexpr uid_t kOther = 65533;

  void SetUp() override {
    if (::getuid() != 0) GTEST_SKIP() << "needs root to become another user";
    ASSERT_EQ(::chmod(parent_.c_str(), 01777), 0);
  }
  std::string lock_file() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) return entry.path();
    return "";
  }
  void user_was_first() const {
    ASSERT_EQ(as_user(kUser, [&] { return DeviceLock::take(folder_, "uuid:1", "/u") ? 0 : 1; }), 0);
    struct stat status {};
    ASSERT_EQ(::stat(folder_.c_str(), &status), 0);
    ASSERT_EQ(status.st_uid, kUser);
  }
};

TEST_F(LockFolderOfAUserTest, RootTakesItOverAndNoUserCanTakeTheLockAway) {
  user_was_first();
  const auto lock = DeviceLock::take(folder_, "uuid:1", "/root-state");
  ASSERT_TRUE(lock) << lock.error().message;
  struct stat status {};
  ASSERT_EQ(::stat(folder_.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0u);
  EXPECT_EQ(status.st_mode & 07777, 01777u);
  for (const uid_t user : {kUser, kOther}) {
    EXPECT_EQ(as_user(user, [&] { return ::unlink(lock_file().c_str()) == 0 ? 1 : 0; }), 0);
    EXPECT_EQ(
        as_user(user,
                [&] { return ::rename(folder_.c_str(), (folder_ + "x").c_str()) == 0 ? 1 : 0; }),
        0);
    EXPECT_EQ(as_user(user, [&] { return DeviceLock::take(folder_, "uuid:1", "/u") ? 1 : 0; }), 0);
    EXPECT_EQ(as_user(user, [&] { return DeviceLock::take(folder_, "uuid:2", "/u") ? 0 : 1; }), 0);
  }
}

TEST_F(LockFolderOfAUserTest, SomethingElseInItsPlaceDoesNotStopRoot) {
  const auto target = parent_ / "precious";
  ASSERT_TRUE(std::filesystem::create_directory(target));
  ASSERT_EQ(as_user(kUser, [&] { return ::symlink(target.c_str(), folder_.c_str()); }), 0);
  EXPECT_TRUE(DeviceLock::take(folder_, "uuid:1", "/root-state"));
  EXPECT_TRUE(std::filesystem::is_empty(target));
  EXPECT_FALSE(std::filesystem::is_symlink(folder_));
}

TEST_F(LockFolderOfAUserTest, APipeOrALinkInPlaceOfALockDoesNotStopRoot) {
  user_was_first();
  const std::string file = lock_file();
  const auto target = parent_ / "precious";
  std::ofstream(target) << "kept";
  const auto replaced_by = [&](const auto& make) {
    return as_user(kUser, [&] { return ::unlink(file.c_str()) == 0 && make() == 0 ? 0 : 1; });
  };
  ASSERT_EQ(replaced_by([&] { return ::mkfifo(file.c_str(), 0666); }), 0);
  { EXPECT_TRUE(DeviceLock::take(folder_, "uuid:1", "/root-state")); }
  std::filesystem::remove(file);
  ASSERT_EQ(::symlink(target.c_str(), file.c_str()), 0);
  { EXPECT_TRUE(DeviceLock::take(folder_, "uuid:1", "/root-state")); }
  std::filesystem::remove(file);
  ASSERT_EQ(::link(target.c_str(), file.c_str()), 0);
  { EXPECT_TRUE(DeviceLock::take(folder_, "uuid:1", "/root-state")); }
  EXPECT_EQ(std::filesystem::file_size(target), 4u);
}

TEST_F(LockFolderOfAUserTest, AUserDoesNotFollowALink) {
  { ASSERT_TRUE(DeviceLock::take(folder_, "uuid:1", "/a")); }
  const std::string file = lock_file();
  std::filesystem::remove(file);
  const auto target = parent_ / "precious";
  std::filesystem::create_symlink(target, file);
  EXPECT_EQ(as_user(kUser,
                    [&] {
                      const auto refused = DeviceLock::take(folder_, "uuid:1", "/a");
                      const bool says = refused.error().message.find("link") != std::string::npos;
                      return says && refused.error().code == Code::kPermissionDenied &&
                                     refused.error().remedy == "sudo rm -f " + file
                                 ? 0
                                 : 1;
                    }),
            0);
  EXPECT_FALSE(std::filesystem::exists(target));
}

TEST_F(DeviceLockTest, AFolderThatIsNotThereIsSaidAndWhatMakesIt) {
  const std::string folder = (parent_ / "a b/c").string();
  const auto refused = DeviceLock::take(folder, "uuid:1", "/a");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("'" + folder + "': it is not there"));
  EXPECT_THAT(refused.error().message, HasSubstr("'" + parent_.string() + "'"));
  EXPECT_EQ(refused.error().remedy, fmt::format("mkdir -p -m 1777 '{}'", folder));
  ASSERT_EQ(std::system(refused.error().remedy.c_str()), 0);
  EXPECT_TRUE(DeviceLock::take(folder, "uuid:1", "/a"));
}

TEST_F(LockFolderOfAUserTest, WhatOnlyRootCanMakeIsMadeWithSudo) {
  ASSERT_EQ(::chmod(parent_.c_str(), 0755), 0);
  EXPECT_EQ(as_user(kUser,
                    [&] {
                      const auto refused = DeviceLock::take(folder_, "uuid:1", "/a");
                      return refused.error().remedy.starts_with("sudo mkdir -p ") ? 0 : 1;
                    }),
            0);
}

TEST_F(DeviceLockTest, AFileInPlaceOfTheFolderIsSaid) {
  const auto file = parent_ / "file";
  std::ofstream(file) << "kept";
  for (const auto& folder : {file / "locks", file}) {
    const auto refused = DeviceLock::take(folder.string(), "uuid:1", "/a");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("'" + file.string() + "' is no folder"));
    EXPECT_THAT(refused.error().remedy, HasSubstr("lock_folder"));
  }
}

}  // namespace
}  // namespace melon::devlib

// SPDX-License-Identifier: Apache-2.0
// What tenants may leave behind disappears, and nothing else does.
#include "agent/trash.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>

namespace melon::agent {
namespace {

namespace fs = std::filesystem;

class TrashTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(::mkdtemp(root_.data()), nullptr);
    auto opened = Trash::open(trash());
    ASSERT_TRUE(opened) << opened.error().message;
    trash_ = std::move(*opened);
    fs::create_directory(victim());
  }
  void TearDown() override {
    trash_.reset();
    fs::remove_all(root_);
  }
  fs::path trash() const { return fs::path(root_) / "trash"; }
  fs::path victim() const { return fs::path(root_) / "victim"; }
  /// Waits long for the thread, which needs no time that could be named.
  bool becomes_empty() const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!fs::is_empty(trash()) && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return fs::is_empty(trash());
  }
  /// Deeper than a path may be long, and than descriptors go round.
  void nest(int depth) const {
    int at = ::open(victim().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < depth && at >= 0; ++i) {
      ::mkdirat(at, "inner", 0700);
      const int next = ::openat(at, "inner", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      ::close(at);
      at = next;
    }
    ASSERT_GE(at, 0);
    ::close(::openat(at, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ::close(at);
  }

  std::string root_ = testing::TempDir() + "trash-XXXXXX";
  std::unique_ptr<Trash> trash_;
};

TEST_F(TrashTest, RemovesFilesAndFoldersOfFolders) {
  fs::create_directories(victim() / "a" / "b");
  fs::create_directories(victim() / "c");
  for (const char* const name : {"1", "a/2", "a/b/3"}) std::ofstream(victim() / name) << "x";
  EXPECT_TRUE(trash_->put(victim()));
  EXPECT_FALSE(fs::exists(victim()));
  EXPECT_TRUE(becomes_empty());
}

TEST_F(TrashTest, DepthIsNoObstacle) {
  nest(2000);
  EXPECT_TRUE(trash_->put(victim()));
  EXPECT_TRUE(becomes_empty());
}

TEST_F(TrashTest, LinksAreRemovedAndNotFollowed) {
  const fs::path kept = fs::path(root_) / "kept";
  fs::create_directories(kept / "inner");
  std::ofstream(kept / "inner" / "file") << "x";
  fs::create_directory_symlink(kept, victim() / "link");
  fs::create_directory_symlink("..", victim() / "up");
  ASSERT_EQ(::mkfifo((victim() / "pipe").c_str(), 0600), 0);
  EXPECT_TRUE(trash_->put(victim()));
  const fs::path link = fs::path(root_) / "link";
  fs::create_directory_symlink(kept, link);
  EXPECT_TRUE(trash_->put(link));
  EXPECT_TRUE(becomes_empty());
  EXPECT_TRUE(fs::exists(kept / "inner" / "file"));
}

TEST_F(TrashTest, AFolderThatIsClosedToItsOwnerGoesToo) {
  fs::create_directories(victim() / "closed" / "inner");
  fs::permissions(victim() / "closed", fs::perms::none);
  EXPECT_TRUE(trash_->put(victim()));
  EXPECT_TRUE(becomes_empty());
}

TEST_F(TrashTest, TheNextDaemonFinishes) {
  trash_.reset();
  fs::create_directories(trash() / "left" / "over");
  auto opened = Trash::open(trash());
  ASSERT_TRUE(opened);
  EXPECT_TRUE(becomes_empty());
}

TEST_F(TrashTest, WhatIsNotThereIsNotTaken) { EXPECT_FALSE(trash_->put(victim() / "nothing")); }

}  // namespace
}  // namespace melon::agent

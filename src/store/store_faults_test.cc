// SPDX-License-Identifier: Apache-2.0
// The SQLite store when things go wrong: kills, full disks, damage, other versions, other openers.
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <random>
#include <span>
#include <thread>

#include "base/embedded.h"
#include "store/grant_samples.h"

namespace melon::embedded {
std::span<const File> store_migrations();
}

namespace melon::store {
namespace {

using testing::HasSubstr;

void execute(const std::string& path, const std::string& sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  char* message = nullptr;
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK)
      << (message != nullptr ? message : "");
  sqlite3_close(database);
}

class FaultsTest : public testing::Test {
 protected:
  TestFolder folder_;
  std::string path_ = folder_ / "state.db";
};

/// Writes grants and events numbered from `first` until killed, telling each acknowledged number.
[[noreturn]] void write_until_killed(const std::string& path, int first, int acknowledged) {
  const auto store = open_sqlite(path);
  if (!store) ::_exit(1);
  for (int i = first;; ++i) {
    const EventRecord event{i + 1, i, "created", full_grant(i).name, ""};
    if (!(*store)->apply({.put = {full_grant(i)}, .events = {event}})) ::_exit(2);
    if (::write(acknowledged, &i, sizeof i) != sizeof i) ::_exit(3);
  }
}

TEST_F(FaultsTest, NothingAcknowledgedIsLostByAKill) {
  std::mt19937 random(20261121);
  int expected = 0;
  for (int round = 0; round < 25; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) write_until_killed(path_, expected, ends[1]);
    ::close(ends[1]);
    const int stop_after = expected + static_cast<int>(random() % 8);
    int last = -1;
    while (last < stop_after) ASSERT_EQ(::read(ends[0], &last, sizeof last), ssize_t{sizeof last});
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    while (::read(ends[0], &last, sizeof last) > 0) continue;
    ::close(ends[0]);

    const auto store = open_sqlite(path_);
    ASSERT_TRUE(store) << store.error().message;
    const auto grants = *(*store)->grants();
    const auto events = *(*store)->events({.at_most = 100'000});
    ASSERT_GE(grants.size(), static_cast<std::size_t>(last) + 1) << "lost an acknowledged write";
    ASSERT_EQ(grants.size(), events.size()) << "half of a change";
    for (std::size_t i = 0; i < grants.size(); ++i)
      ASSERT_EQ(grants[i], full_grant(static_cast<int>(i)));
    expected = static_cast<int>(grants.size());
  }
}

/// Fills a store until it refuses, makes room, and looks at what is there.
void fill_and_mend(const std::string& path, const std::function<void()>& make_room) {
  auto store = *open_sqlite(path);
  int written = 0;
  Result<> result;
  core::Grant large = full_grant(0);
  large.reason = std::string(100'000, 'x');
  while (written < 10'000) {
    large.id = "g-" + std::to_string(100000 + written);
    large.created_unix_ms = written;
    result = store->apply({.put = {large}});
    if (!result) break;
    ++written;
  }
  ASSERT_FALSE(result) << "the disk never filled";
  EXPECT_EQ(result.error().code, Code::kUnavailable) << result.error().message;
  EXPECT_THAT(result.error().message, HasSubstr(path));
  EXPECT_THAT(result.error().remedy, HasSubstr("free space"));
  ASSERT_EQ(store->grants()->size(), static_cast<std::size_t>(written));  // it still answers

  make_room();
  ASSERT_TRUE(store->apply({.put = {large}})) << "writes again once there is room";
  EXPECT_EQ(store->grants()->size(), static_cast<std::size_t>(written) + 1);
  store.reset();
  EXPECT_EQ((*open_sqlite(path))->grants()->size(), static_cast<std::size_t>(written) + 1);
}

TEST_F(FaultsTest, AFullDiskRefusesWritesAndLosesNothing) {
  const std::string mount = folder_ / "small";
  std::filesystem::create_directory(mount);
  if (::mount("melon-test", mount.c_str(), "tmpfs", 0, "size=4m") != 0)
    GTEST_SKIP() << "needs root to mount a small file system";
  std::ofstream(mount + "/ballast") << std::string(1 << 20, 'x');
  fill_and_mend(mount + "/state.db", [&] { std::filesystem::remove(mount + "/ballast"); });
  EXPECT_EQ(::umount(mount.c_str()), 0);
}

TEST_F(FaultsTest, ALimitOnFileSizesRefusesWritesAndLosesNothing) {
  const pid_t child = ::fork();  // the limit is the whole process's
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{2 << 20, RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    fill_and_mend(path_, [] {
      rlimit more{RLIM_INFINITY, RLIM_INFINITY};
      ::setrlimit(RLIMIT_FSIZE, &more);
    });
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

/// Runs the command at the end of a remedy, after its last ": ".
void follow_remedy(const std::string& remedy) {
  const auto at = remedy.find(": ");
  ASSERT_NE(at, std::string::npos) << remedy;
  ASSERT_EQ(std::system(remedy.substr(at + 2).c_str()), 0) << remedy;
}

TEST_F(FaultsTest, DamageIsNamedAndTheRemedyKeepsTheFile) {
  { ASSERT_TRUE((*open_sqlite(path_))->apply({.put = {full_grant(1), full_grant(2)}})); }
  std::filesystem::remove(path_ + "-wal");
  const auto size = std::filesystem::file_size(path_);
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(size - 4096, '\xa5');
  }
  const auto damaged = open_sqlite(path_);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(damaged.error().message, HasSubstr(path_));
  follow_remedy(damaged.error().remedy);
  EXPECT_EQ(std::filesystem::file_size(path_ + ".damaged"), size);
  EXPECT_TRUE(open_sqlite(path_));
}

TEST_F(FaultsTest, WhatIsNoDatabaseIsRefusedAndKept) {
  std::ofstream(path_) << std::string(8192, 'x');
  const auto refused = open_sqlite(path_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  follow_remedy(refused.error().remedy);
  EXPECT_TRUE(std::filesystem::exists(path_ + ".damaged"));
  EXPECT_TRUE(open_sqlite(path_));
}

TEST_F(FaultsTest, AnotherProgramsDatabaseIsRefused) {
  execute(path_, "CREATE TABLE bookmarks (url TEXT)");
  EXPECT_EQ(open_sqlite(path_).error().code, Code::kFailedPrecondition);
}

TEST_F(FaultsTest, ANewerSchemaIsRefusedWithBothNumbers) {
  ASSERT_TRUE(open_sqlite(path_));
  execute(path_, "PRAGMA user_version = 99");
  const auto refused = open_sqlite(path_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(refused.error().message, HasSubstr("99"));
  EXPECT_THAT(refused.error().message,
              HasSubstr(std::to_string(embedded::store_migrations().size())));
}

TEST_F(FaultsTest, EveryOlderSchemaIsBroughtUpToDateWithItsGrants) {
  const auto migrations = embedded::store_migrations();
  for (std::size_t version = 1; version < migrations.size(); ++version) {
    const std::string path = folder_ / ("v" + std::to_string(version) + ".db");
    for (std::size_t i = 0; i < version; ++i) execute(path, std::string(migrations[i].content));
    execute(path,
            "PRAGMA application_id = 0x4d4c4f4e; PRAGMA user_version = " + std::to_string(version) +
                "; INSERT INTO grants(id, name, owner_uid, state, created_unix_ms, ended_unix_ms, "
                "reason,"
                "keep_seconds, wait_until_unix_ms, request_memory_mib, request_compute_permille,"
                "request_share, request_weight, request_priority, request_count, request_device,"
                "request_type, request_unenforced) VALUES ('g-old','old',7,'running',5,0,'',"
                "60,0,512,250,'hard',100,'normal',1,'','',0);"
                "INSERT INTO slices VALUES ('g-old',0,'opencl-0',512,250,250)");
    const auto store = open_sqlite(path);
    ASSERT_TRUE(store) << store.error().message;
    const auto grants = *(*store)->grants();
    ASSERT_EQ(grants.size(), 1u);
    EXPECT_EQ(grants[0].name, "old");
    EXPECT_EQ(grants[0].request.compute, Permille(250));
    EXPECT_EQ(grants[0].slices.at(0).memory, MiB(512));
    EXPECT_TRUE((*store)->apply({.events = {{.id = 1}}}));
  }
}

TEST_F(FaultsTest, ASecondOpenerIsRefused) {
  const auto first = open_sqlite(path_);
  ASSERT_TRUE(first);
  const auto second = open_sqlite(path_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAlreadyExists);
  EXPECT_TRUE((*first)->apply({.put = {full_grant(1)}}));
}

TEST_F(FaultsTest, TheFileIsPrivateWhateverTheUmask) {
  const mode_t before = ::umask(0);
  const auto store = open_sqlite(path_);
  ::umask(before);
  ASSERT_TRUE((*store)->apply({.put = {full_grant(1)}}));
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
    EXPECT_EQ(static_cast<unsigned>(entry.status().permissions()), 0600u) << entry.path();
}

TEST_F(FaultsTest, AnAbsentFolderIsSaid) {
  const auto refused = open_sqlite(folder_ / "absent/state.db");
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("absent"));
}

}  // namespace
}  // namespace melon::store

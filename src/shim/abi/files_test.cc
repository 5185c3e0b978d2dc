// SPDX-License-Identifier: Apache-2.0
// Files: created whole and owned, opened with suspicion, survived when they shrink.

#include "shim/abi/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "shim/abi/guarded_mapping.h"
#include "shim/abi/publish.h"
#include "shim/abi/test_ledger.h"

namespace melon::abi {
namespace {

class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "melon_files_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    ASSERT_EQ(chmod(folder_.c_str(), 0755), 0);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const char* name) const { return folder_ + "/" + name; }
  static FileOwner me() { return {geteuid(), getegid()}; }

  std::string folder_;
};

struct stat status_of(const std::string& path) {
  struct stat status = {};
  stat(path.c_str(), &status);
  return status;
}

TEST_F(Files, ALedgerAppearsWholeAndOwned) {
  const FileOwner owner = geteuid() == 0 ? FileOwner{kTenantUser, kTenantUser} : me();
  ASSERT_EQ(create_ledger(path("ledger").c_str(), "g-1", owner), 0);
  const struct stat status = status_of(path("ledger"));
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  EXPECT_EQ(status.st_uid, owner.uid);
  EXPECT_GE(static_cast<std::uint64_t>(status.st_blocks) * 512, sizeof(LedgerFile));

  Region region;
  ASSERT_EQ(open_region(path("ledger").c_str(), sizeof(LedgerFile), Access::kReadWrite, region), 0);
  const auto& ledger = *static_cast<LedgerFile*>(region.address);
  EXPECT_TRUE(is_usable(ledger, region.bytes));
  EXPECT_STREQ(ledger.grant, "g-1");
  EXPECT_EQ(audit(ledger), Breach::kNone);
  close_region(region);
  EXPECT_FALSE(std::filesystem::exists(path("ledger.new")));
}

TEST_F(Files, APolicyIsReadOnlyAndAlreadyPublished) {
  const auto policy = std::make_unique<Policy>();
  policy->device_count = 1;
  policy->devices[0].weight = 42;
  ASSERT_EQ(create_policy(path("policy").c_str(), *policy), 0);
  EXPECT_EQ(status_of(path("policy")).st_mode & 07777, 0444u);
  Region region;
  ASSERT_EQ(open_region(path("policy").c_str(), sizeof(PolicyFile), Access::kRead, region), 0);
  const auto& file = *static_cast<const PolicyFile*>(region.address);
  ASSERT_TRUE(is_usable(file, region.bytes));
  Policy read;
  ASSERT_TRUE(read_published(file, read));
  EXPECT_EQ(read.devices[0].weight, 42u);

  // A tenant can neither open it for writing nor write through its mapping.
  const pid_t tenant = start_child([&] {
    Region writable;
    const int failed =
        open_region(path("policy").c_str(), sizeof(PolicyFile), Access::kReadWrite, writable);
    _exit(failed == EACCES ? 0 : 1);
  });
  EXPECT_TRUE(exited_well(wait_child(tenant))) << "the test's folder must be reachable for tenants";
  close_region(region);
}

TEST_F(Files, ArenaFilesAreReadByOthers) {
  const auto index = std::make_unique<ArenaIndex>();
  index->count = 1;
  ASSERT_EQ(create_arena_index(path("index").c_str(), *index), 0);
  ASSERT_EQ(create_arena_page(path("page").c_str(), me()), 0);
  Region region;
  ASSERT_EQ(open_region(path("page").c_str(), sizeof(ArenaPage), Access::kReadWrite, region), 0);
  static_cast<ArenaPage*>(region.address)->busy_until.store(77);
  ArenaView view = {};
  EXPECT_TRUE(read_arena_page(region.fd, view));
  EXPECT_EQ(view.busy_until, 77u);
  ASSERT_EQ(ftruncate(region.fd, 8), 0);
  EXPECT_FALSE(read_arena_page(region.fd, view)) << "truncated by its owner";
  close_region(region);
}

TEST_F(Files, RefusesWhatIsNoRegion) {
  Region region;
  const auto open = [&](const char* name) {
    return open_region(path(name).c_str(), sizeof(PolicyFile), Access::kRead, region);
  };
  EXPECT_EQ(open("absent"), ENOENT);
  std::ofstream(path("short")) << "short";
  EXPECT_EQ(open("short"), EINVAL);
  ASSERT_EQ(symlink("short", path("link").c_str()), 0);
  EXPECT_EQ(open("link"), ELOOP);
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(open("pipe"), ESPIPE) << "and does not wait for a writer";
  EXPECT_NE(open("."), 0);
  EXPECT_EQ(region.fd, -1);
  const std::string long_name(5000, 'x');
  EXPECT_EQ(create_ledger(long_name.c_str(), "g", me()), ENAMETOOLONG);
  EXPECT_EQ(create_ledger(path("l").c_str(), "a-grant-name-of-24-bytes", me()), ENAMETOOLONG);
}

TEST_F(Files, AFullFileSystemIsMetAtCreation) {
  if (geteuid() != 0 || mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=64k") != 0)
    GTEST_SKIP() << "needs the right to mount";
  EXPECT_EQ(create_ledger(path("ledger").c_str(), "g", me()), ENOSPC);
  EXPECT_TRUE(std::filesystem::is_empty(folder_)) << "and nothing is left behind";
  umount(folder_.c_str());
}

TEST_F(Files, ATruncatedLedgerDoesNotKillItsReader) {
  ASSERT_EQ(create_ledger(path("ledger").c_str(), "g", me()), 0);
  ASSERT_EQ(install_bus_guard(), 0);
  Region region;
  ASSERT_EQ(open_region(path("ledger").c_str(), sizeof(LedgerFile), Access::kReadWrite, region), 0);
  const int number = guard(region);
  ASSERT_GE(number, 0);
  auto& ledger = *static_cast<LedgerFile*>(region.address);
  EXPECT_EQ(audit(ledger), Breach::kNone);
  EXPECT_FALSE(is_lost(number));
  ASSERT_EQ(truncate(path("ledger").c_str(), 0), 0);
  EXPECT_EQ(reap_dead(ledger, region.fd), 0u);
  EXPECT_EQ(audit(ledger), Breach::kHeader);
  EXPECT_TRUE(is_lost(number));
  unguard(number);
  close_region(region);
}

TEST(BusGuardDeathTest, LeavesOtherBusErrorsAlone) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        install_bus_guard();
        raise(SIGBUS);
        raise(SIGBUS);
        _exit(0);
      },
      [](int status) { return status != 0; }, "");
}

}  // namespace
}  // namespace melon::abi

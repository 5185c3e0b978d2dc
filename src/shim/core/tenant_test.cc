// SPDX-License-Identifier: Apache-2.0
// A tenant's memory limit, its fallbacks for unusable files, and what a fork leaves.

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include "shim/core/test_grants.h"

namespace melon::shim {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

std::uint64_t shared_flags(const TestGrants& grants, const std::string& id) {
  abi::Region region;
  if (abi::open_region((grants.folder(id) / "ledger").c_str(), sizeof(abi::LedgerFile),
                       abi::Access::kRead, region) != 0)
    return 0;
  const auto& ledger = *static_cast<const abi::LedgerFile*>(region.address);
  std::uint64_t flags = ledger.flags.load();
  for (const abi::ProcessSlot& slot : ledger.slots) flags |= slot.flags.load();
  abi::close_region(region);
  return flags;
}

std::uint64_t page_flags(const TestGrants& grants, const std::string& id) {
  std::ifstream file(grants.page(id), std::ios::binary);
  abi::ArenaPage page;
  file.read(reinterpret_cast<char*>(&page), sizeof(page));
  return page.flags.load();
}

/// Runs in a child by a raw fork, which no atfork handler sees; true when `body` did.
template <class Body>
bool in_child(Body body) {
  const pid_t child = static_cast<pid_t>(syscall(SYS_fork));
  if (child == 0) _exit(body() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

class TenantFiles : public testing::Test {
 protected:
  void SetUp() override { grants_.add("g1", {.memory_bytes = 64 * kMiB}); }

  /// The limit holds exactly, whatever the ledger is.
  static void expect_limit(Tenant& tenant) {
    ASSERT_EQ(tenant.find_device(kTestKey), 0);
    EXPECT_TRUE(tenant.reserve(0, 64 * kMiB - 4096));
    EXPECT_FALSE(tenant.reserve(0, 4097));
    EXPECT_TRUE(tenant.reserve(0, 1));
    EXPECT_FALSE(tenant.reserve(0, 1));
    EXPECT_EQ(tenant.memory_used(0), 64 * kMiB);
    tenant.release(0, 1);
    tenant.release(0, 64 * kMiB - 4096);
    EXPECT_EQ(tenant.memory_used(0), 0u);
    EXPECT_EQ(tenant.report(0).refusals, 2u);
  }

  std::string file(const char* name) const { return (grants_.folder("g1") / name).string(); }

  TestGrants grants_;
};

TEST(TenantWithoutGrant, PassesEverything) {
  for (const char* const folder : {static_cast<const char*>(nullptr), ""}) {
    Tenant* const tenant = Tenant::open(folder, real_clock());
    ASSERT_NE(tenant, nullptr);
    EXPECT_FALSE(tenant->active());
    EXPECT_FALSE(tenant->stale());
    EXPECT_EQ(tenant->find_device(kTestKey), -1);
    EXPECT_TRUE(tenant->reserve(0, ~std::uint64_t{0}));
    QueueState queue;
    EXPECT_EQ(tenant->admit(0, queue, 1, Order::kInOrder).flight, nullptr);
  }
}

TEST_F(TenantFiles, LimitIsExactToTheGranule) {
  Tenant* const tenant = grants_.open("g1");
  EXPECT_TRUE(tenant->active());
  EXPECT_EQ(tenant->memory_limit(0), 64 * kMiB);
  expect_limit(*tenant);
  EXPECT_EQ(shared_flags(grants_, "g1"), 0u);
  tenant->close();
}

TEST_F(TenantFiles, HugeSizesAreRefused) {
  Tenant* const tenant = grants_.open("g1");
  for (const std::uint64_t bytes : {~std::uint64_t{0}, std::uint64_t{1} << 63, 64 * kMiB + 1})
    EXPECT_FALSE(tenant->reserve(0, bytes)) << bytes;
  EXPECT_EQ(tenant->memory_used(0), 0u);
}

TEST_F(TenantFiles, OtherDevicesAreNotGranted) {
  Tenant* const tenant = grants_.open("g1");
  EXPECT_EQ(tenant->find_device("opencl:Simulated|Device|1"), -1);
  EXPECT_FALSE(tenant->reserve(1, 1));
  EXPECT_FALSE(tenant->reserve(abi::kMaxDevices, 1));
}

TEST_F(TenantFiles, ProcessesOfOneGrantShareOneLimit) {
  Tenant* const tenant = grants_.open("g1");
  ASSERT_TRUE(tenant->reserve(0, 40 * kMiB));
  EXPECT_TRUE(in_child([&] {
    Tenant* const own = grants_.open("g1");
    return !own->reserve(0, 25 * kMiB) && own->reserve(0, 24 * kMiB);
  }));
  // The child is dead and waited for; what it held comes back when it is needed.
  EXPECT_TRUE(tenant->reserve(0, 24 * kMiB));
}

TEST_F(TenantFiles, RacingThreadsNeverOvershoot) {
  Tenant* const tenant = grants_.open("g1");
  std::atomic<std::uint64_t> highest{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const std::uint64_t size = (t + 1) * 3 * kMiB + t;
      std::vector<std::uint64_t> held;
      for (int i = 0; i < 5000; ++i) {
        if (tenant->reserve(0, size)) {
          held.push_back(size);
        } else if (!held.empty()) {
          tenant->release(0, held.back());
          held.pop_back();
        }
        const std::uint64_t used = tenant->memory_used(0);
        std::uint64_t seen = highest.load();
        while (used > seen && !highest.compare_exchange_weak(seen, used)) {
        }
      }
      for (const std::uint64_t bytes : held) tenant->release(0, bytes);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(highest.load(), 64 * kMiB);
  EXPECT_GT(highest.load(), 48 * kMiB);
  EXPECT_EQ(tenant->memory_used(0), 0u);
}

TEST_F(TenantFiles, OneThreadFreesWhatOthersReserved) {
  Tenant* const tenant = grants_.open("g1");
  for (int round = 0; round < 50; ++round) {
    std::thread([&] { EXPECT_TRUE(tenant->reserve(0, 60 * kMiB)); }).join();
    tenant->release(0, 60 * kMiB);
  }
  EXPECT_EQ(tenant->memory_used(0), 0u);
}

TEST_F(TenantFiles, AFullDeviceIsWorthAnotherTryOnlyAfterWorkAndWithRoom) {
  static std::uint64_t free_bytes;
  Tenant* const tenant = grants_.open("g1");
  const auto tell = [](void*) { return free_bytes; };
  tenant->attach(0, {.consumed = nullptr, .free_bytes = tell, .context = nullptr});
  free_bytes = 2 * kMiB;
  EXPECT_FALSE(tenant->make_room(0, kMiB, 0)) << "nothing is in flight";
  grants_.set("g1", {.compute_permille = 500, .memory_bytes = 64 * kMiB});
  QueueState queue;
  const auto with_work = [&](std::uint64_t bytes, unsigned attempt) {
    const Launch launch = tenant->admit(0, queue, 1, Order::kUnordered);
    EXPECT_NE(launch.flight, nullptr);
    std::thread device([&] { tenant->finish(launch.flight, 0, 0); });
    const bool room = tenant->make_room(0, bytes, attempt);
    device.join();
    return room;
  };
  // The work may have ended before it was looked at: then there is nothing to wait for.
  bool found = false;
  for (int i = 0; i < 1000 && !found; ++i) found = with_work(kMiB, 0);
  EXPECT_TRUE(found);
  EXPECT_TRUE(tenant->make_room(0, 2 * kMiB, 1));
  EXPECT_FALSE(tenant->make_room(0, 2 * kMiB + 1, 1)) << "the device tells that it has not";
  EXPECT_FALSE(tenant->make_room(0, kMiB, 100)) << "enough is enough";
}

TEST_F(TenantFiles, LiveChangeOfTheLimit) {
  Tenant* const tenant = grants_.open("g1");
  ASSERT_TRUE(tenant->reserve(0, 60 * kMiB));
  grants_.set("g1", {.memory_bytes = 80 * kMiB});
  EXPECT_TRUE(tenant->reserve(0, 20 * kMiB));
  grants_.set("g1", {.memory_bytes = 10 * kMiB});
  EXPECT_EQ(tenant->memory_limit(0), 10 * kMiB);
  EXPECT_FALSE(tenant->reserve(0, 1));
  tenant->release(0, 60 * kMiB);
  tenant->release(0, 20 * kMiB);
  EXPECT_TRUE(tenant->reserve(0, 10 * kMiB));
}

// --- unusable files: the process runs, the limit is enforced, one flag tells the agent.

struct Damage {
  const char* name;
  void (*cause)(const std::string& ledger);
};

class UnusableLedger : public TenantFiles, public testing::WithParamInterface<Damage> {};

TEST_P(UnusableLedger, KeepsTheLimitPrivately) {
  GetParam().cause(file("ledger"));
  Tenant* const tenant = grants_.open("g1");
  expect_limit(*tenant);
  EXPECT_EQ(page_flags(grants_, "g1"), abi::kFlagPrivateLedger);
}

void overwrite(const std::string& path, std::streamoff at, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(at);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

INSTANTIATE_TEST_SUITE_P(
    Damages, UnusableLedger,
    testing::Values(
        Damage{"Missing", [](const std::string& path) { std::filesystem::remove(path); }},
        Damage{"Empty", [](const std::string& path) { std::filesystem::resize_file(path, 0); }},
        Damage{"Truncated",
               [](const std::string& path) { std::filesystem::resize_file(path, 70'000); }},
        Damage{"Directory",
               [](const std::string& path) {
                 std::filesystem::remove(path);
                 std::filesystem::create_directory(path);
               }},
        Damage{"Pipe",
               [](const std::string& path) {
                 std::filesystem::remove(path);
                 ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
               }},
        Damage{"Garbage",
               [](const std::string& path) { overwrite(path, 0, std::string(4096, '\xa5')); }},
        Damage{"OtherVersion",
               [](const std::string& path) { overwrite(path, 8, std::string("\x07\0\0\0", 4)); }},
        Damage{"OfAnotherGrant",
               [](const std::string& path) { overwrite(path, 16, std::string("other\0", 6)); }}),
    [](const auto& param) { return param.param.name; });

TEST_F(TenantFiles, UnusablePolicyGrantsNothing) {
  overwrite(file("policy"), 0, std::string(4096, '\x5a'));
  Tenant* const tenant = grants_.open("g1");
  EXPECT_TRUE(tenant->active());
  EXPECT_EQ(tenant->find_device(kTestKey), -1);
  EXPECT_FALSE(tenant->reserve(0, 1));
  EXPECT_EQ(tenant->memory_limit(0), 0u);
}

TEST_F(TenantFiles, MissingFolderGrantsNothing) {
  Tenant* const tenant = Tenant::open("/nonexistent/grant", real_clock());
  EXPECT_TRUE(tenant->active());
  EXPECT_EQ(tenant->find_device(kTestKey), -1);
  EXPECT_FALSE(tenant->reserve(0, 1));
}

TEST_F(TenantFiles, GarbageInTheLedgerNeverCrashesAProgram) {
  Tenant* const tenant = grants_.open("g1");
  for (const char byte : {'\0', '\x5a', '\xff'}) {
    overwrite(file("ledger"), offsetof(abi::LedgerFile, devices),
              std::string(sizeof(abi::LedgerFile) - offsetof(abi::LedgerFile, devices), byte));
    for (int i = 0; i < 100; ++i)
      if (tenant->reserve(0, 4096)) tenant->release(0, 4096);
    QueueState queue;
    Launch launch;
    Nanoseconds again = 0;
    grants_.set("g1", {.compute_permille = 500});
    for (int i = 0; i < 100; ++i)
      if (tenant->try_admit(0, queue, 1, Order::kInOrder, launch, again))
        tenant->finish(launch.flight, 0, 0);
    (void)tenant->report(0);
  }
}

TEST_F(TenantFiles, TheProcessTooManyIsRefusedAndFlagged) {
  abi::Region region;
  ASSERT_EQ(abi::open_region(file("ledger").c_str(), sizeof(abi::LedgerFile),
                             abi::Access::kReadWrite, region),
            0);
  auto& ledger = *static_cast<abi::LedgerFile*>(region.address);
  for (unsigned i = 0; i < abi::kMaxProcesses; ++i)
    ASSERT_NE(abi::claim_slot(ledger, abi::self_identity(), region.fd), abi::kNoSlot);
  Tenant* const tenant = grants_.open("g1");
  EXPECT_EQ(tenant->find_device(kTestKey), 0);
  EXPECT_FALSE(tenant->reserve(0, 1));
  EXPECT_EQ(shared_flags(grants_, "g1"), abi::kFlagTooManyProcesses);
  abi::close_region(region);
}

// --- fork

TEST_F(TenantFiles, AForkedChildIsNotTheTenant) {
  Tenant* const tenant = grants_.open("g1");
  ASSERT_TRUE(tenant->reserve(0, 8 * kMiB));
  EXPECT_FALSE(tenant->stale());
  EXPECT_TRUE(in_child([&] {
    if (!tenant->stale() || tenant->reserve(0, 1)) return false;
    tenant->release(0, 8 * kMiB);
    tenant->close();
    QueueState queue;
    tenant->admit(0, queue, 1, Order::kInOrder);
    Tenant* const own = grants_.open("g1");
    return !own->stale() && own->memory_used(0) == 8 * kMiB && own->reserve(0, kMiB) &&
           own->memory_used(0) == 9 * kMiB;
  }));
  EXPECT_FALSE(tenant->stale());
  EXPECT_TRUE(tenant->reserve(0, 56 * kMiB)) << "the child's own use ended with it";
}

TEST_F(TenantFiles, KeepsNoLowDescriptorAndSurvivesTheirClosing) {
  const int before = dup(0);
  ::close(before);
  Tenant* const tenant = grants_.open("g1");
  const int after = dup(0);
  ::close(after);
  EXPECT_EQ(before, after);
  EXPECT_TRUE(in_child([&] {
    Tenant* const own = grants_.open("g1");
    for (int fd = 3; fd < 1024; ++fd) ::close(fd);
    return own->reserve(0, kMiB) && !own->reserve(0, 64 * kMiB) && own->memory_used(0) == kMiB;
  }));
  tenant->close();
}

}  // namespace
}  // namespace melon::shim

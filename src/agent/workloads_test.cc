// SPDX-License-Identifier: Apache-2.0
// Grants in action over a real state folder, with a clock that the test turns.
#include "agent/workloads.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <memory>
#include <set>

#include "agent/device_users.h"
#include "shim/abi/files.h"
#include "shim/abi/publish.h"
#include "shim/abi/region.h"

namespace melon::agent {
namespace {

using core::State;
using std::chrono::hours;
using std::chrono::seconds;

/// A store that counts what it is asked to write.
class CountingStore final : public store::Store {
 public:
  explicit CountingStore(store::Store& inner) : inner_(inner) {}
  Result<> apply(const store::Change& change) override {
    ++writes;
    return inner_.apply(change);
  }
  Result<std::vector<core::Grant>> grants() override { return inner_.grants(); }
  Result<std::vector<store::EventRecord>> events(const store::EventQuery& query) override {
    return inner_.events(query);
  }
  Result<std::map<std::string, MiB>> device_memory() override { return inner_.device_memory(); }

  int writes = 0;

 private:
  store::Store& inner_;
};

core::Device small_device() {
  core::Device device;
  device.id = "opencl-0";
  device.key = "a device of this test";
  device.vendor = "opencl";
  device.is_cpu = true;  // the kernel says what is used of it
  device.memory = MiB(100'000);
  return device;
}

class WorkloadsTest : public testing::Test {
 protected:
  WorkloadsTest() {
    std::string pattern = testing::TempDir() + "workloads-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    folder_ = std::make_unique<StateFolder>(std::move(StateFolder::open(root_ + "/state").value()));
    memory_ = store::open_in_memory().value();
    store_ = std::make_unique<CountingStore>(*memory_);
    watch_ = ProcessWatch::start([](core::ProcessId) {}).value();
    start("this boot");
  }
  ~WorkloadsTest() override {
    if (program_ > 0) ::kill(program_, SIGKILL);
    watch_.reset();
    workloads_.reset();
    folder_.reset();  // its thread removes what the test would
    std::filesystem::remove_all(root_);
  }

  /// A daemon's start, over what an earlier one stored.
  void start(const std::string& boot_id) {
    config_.limits.age = age_limit_;
    workloads_ = std::make_unique<Workloads>(
        WorkloadParts{.clock = clock_,
                      .since_boot_ms = [this] { return clock_.steady_ns() / 1'000'000; },
                      .boot_id = boot_id,
                      .config = config_,
                      .vendors = vendors_,
                      .store = *store_,
                      .folder = *folder_,
                      .events = events_,
                      .feed = feed_,
                      .watch = *watch_});
    workloads_->set_devices({small_device()});
    ASSERT_TRUE(workloads_->adopt());
  }

  const core::Grant& create(const std::string& name = "") {
    NewGrant wanted{.name = name, .owner = owner_, .keep_seconds = 1'000'000};
    wanted.request.memory = MemoryAmount{MiB(1), {}};
    const auto made = workloads_->create(wanted);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return *std::get<const core::Grant*>(*made);
  }
  const core::Grant* at(const std::string& id) const { return workloads_->book().at(id); }
  std::size_t finished() const {
    const auto all = workloads_->book().grants();
    return static_cast<std::size_t>(std::ranges::count_if(
        all, [](const core::Grant* grant) { return core::is_over(grant->state); }));
  }

  /// Who the device's index says shares it.
  std::set<std::string> sharers() const {
    abi::Region region;
    const auto path = folder_->device_folder(small_device()) / "index";
    EXPECT_EQ(
        abi::open_region(path.c_str(), sizeof(abi::ArenaIndexFile), abi::Access::kRead, region), 0);
    const auto index = std::make_unique<abi::ArenaIndex>();
    EXPECT_TRUE(abi::read_published(*static_cast<abi::ArenaIndexFile*>(region.address), *index));
    std::set<std::string> ids;
    for (unsigned i = 0; i < index->count; ++i) ids.insert(index->tenants[i].grant);
    abi::close_region(region);
    return ids;
  }
  /// The tenant says that it is busy for so long from now; 0: not at all.
  void claim(const std::string& id, seconds ahead) const {
    abi::Region region;
    const auto path = folder_->device_folder(small_device()) / id;
    ASSERT_EQ(
        abi::open_region(path.c_str(), sizeof(abi::ArenaPage), abi::Access::kReadWrite, region), 0);
    const auto until = clock_.steady_ns() + std::chrono::nanoseconds(ahead).count();
    static_cast<abi::ArenaPage*>(region.address)->busy_until =
        static_cast<std::uint64_t>(ahead == seconds(0) ? 0 : until);
    abi::close_region(region);
  }

  // Not root, who has no limits.
  const std::uint32_t owner_ = ::geteuid() == 0 ? 12'001 : ::geteuid();
  std::string root_;
  std::optional<seconds> age_limit_;
  VirtualClock clock_;
  config::DaemonConfig config_;
  std::vector<vendors::Descriptor> vendors_;
  std::unique_ptr<StateFolder> folder_;
  std::unique_ptr<store::Store> memory_;
  std::unique_ptr<CountingStore> store_;
  EventLog events_{0, {}};
  GrantFeed feed_{0};
  std::unique_ptr<ProcessWatch> watch_;
  std::unique_ptr<Workloads> workloads_;
  pid_t program_ = 0;
};

TEST_F(WorkloadsTest, AGrantThatEndsAfterTheClockWasSetBackStaysForItsCaller) {
  clock_.step_wall(hours(24));
  for (int i = 0; i < 101; ++i) workloads_->stop(create(), {});
  clock_.step_wall(-hours(24));
  const std::string id = create("late").id;
  workloads_->stop(*at(id), {});
  ASSERT_NE(at(id), nullptr);
  EXPECT_EQ(at(id)->state, State::kExited);
  workloads_->tick();  // the oldest are forgotten now, and it is none of them
  EXPECT_EQ(finished(), 100U);
  ASSERT_NE(at(id), nullptr);
  const std::string another = create().id;
  EXPECT_TRUE(workloads_->release(*at(another), false));
  EXPECT_EQ(at(another)->state, State::kExited);
}

TEST_F(WorkloadsTest, TheOrderOfEndsOutlivesTheDaemon) {
  clock_.step_wall(hours(24));
  for (int i = 0; i < 100; ++i) workloads_->stop(create(), {});
  clock_.step_wall(-hours(24));
  const std::string id = create().id;
  workloads_->stop(*at(id), {});
  start("this boot");
  workloads_->tick();
  EXPECT_EQ(finished(), 100U);
  EXPECT_NE(at(id), nullptr);
}

TEST_F(WorkloadsTest, StopsAllOfThemAtOnceAndTakesNoNewOnes) {
  clock_.step_wall(hours(24));
  for (int i = 0; i < 101; ++i) workloads_->stop(create(), {});
  clock_.step_wall(-hours(24));
  std::vector<std::string> ids;
  for (int i = 0; i < 150; ++i) ids.push_back(create().id);
  store_->writes = 0;
  workloads_->stop_all(10);
  EXPECT_EQ(store_->writes, 1);
  for (const std::string& id : ids) {
    ASSERT_NE(at(id), nullptr);
    EXPECT_EQ(at(id)->state, State::kExited);
    EXPECT_FALSE(std::filesystem::exists(folder_->grant_folder(id) / "policy"));
  }
  EXPECT_FALSE(workloads_->any_running());
  NewGrant wanted{.owner = owner_};
  EXPECT_EQ(workloads_->create(wanted).error().code, Code::kUnavailable);
  EXPECT_EQ(workloads_->plan(wanted).error().code, Code::kUnavailable);
  EXPECT_EQ(workloads_->add_process(*at(ids[0]), ::getpid(), Caller({}, 0)).error().code,
            Code::kUnavailable);
  workloads_->tick();
  EXPECT_EQ(finished(), 100U);
}

TEST_F(WorkloadsTest, AgeDoesNotFollowTheWallClock) {
  age_limit_ = seconds(3600);
  start("this boot");
  const std::string id = create().id;
  clock_.step_wall(hours(24));
  workloads_->tick();
  EXPECT_EQ(at(id)->state, State::kReserved);
  clock_.advance(seconds(3000));
  start("this boot");  // the age goes on over a restart
  clock_.step_wall(-hours(48));
  clock_.advance(seconds(700));
  workloads_->tick();
  EXPECT_EQ(at(id)->state, State::kExited);
}

TEST_F(WorkloadsTest, AfterAnotherBootAnAgeCountsAnew) {
  age_limit_ = seconds(3600);
  start("this boot");
  const std::string id = create().id;
  clock_.advance(seconds(3000));
  start("another boot");
  clock_.advance(seconds(3000));
  workloads_->tick();
  EXPECT_EQ(at(id)->state, State::kReserved);
  clock_.advance(seconds(700));
  workloads_->tick();
  EXPECT_EQ(at(id)->state, State::kExited);
}

TEST_F(WorkloadsTest, WhoClaimsWithoutUsingIsLeftOutUntilItNoLongerDoes) {
  const std::string liar = create("liar").id;
  const std::string honest = create("honest").id;
  EXPECT_EQ(sharers(), (std::set{liar, honest}));
  const auto look_on = [this, &liar](int looks, seconds claimed) {
    for (int i = 0; i < looks; ++i) {
      claim(liar, claimed);
      clock_.advance(std::chrono::milliseconds(500));
      workloads_->tick();
    }
  };
  look_on(16, seconds(1));
  EXPECT_EQ(sharers(), (std::set{liar, honest})) << "it may still come";
  look_on(10, seconds(1));
  EXPECT_EQ(sharers(), std::set{honest});
  ASSERT_EQ(workloads_->false_claims().size(), 1U);
  EXPECT_EQ(workloads_->false_claims()[0].first, "liar");
  look_on(200, seconds(1));
  EXPECT_EQ(sharers(), std::set{honest}) << "it goes on";
  look_on(130, seconds(0));
  EXPECT_EQ(sharers(), (std::set{liar, honest}));
  EXPECT_TRUE(workloads_->false_claims().empty());
  look_on(4, hours(1));
  EXPECT_EQ(sharers(), std::set{honest}) << "garbage is found within two seconds";
  workloads_->stop(*at(liar), {});
  EXPECT_TRUE(workloads_->false_claims().empty());
}

TEST_F(WorkloadsTest, TheExitOfAProcessThatIsNotRegisteredIsRefused) {
  const std::string id = create("z").id;
  EXPECT_EQ(workloads_->report_exit(*at(id), {::getpid(), 0}).error().code,
            Code::kFailedPrecondition);
  program_ = ::fork();
  if (program_ == 0) {
    ::pause();
    ::_exit(0);
  }
  const Caller root(net::Peer{.uid = 0, .gid = 0, .pid = 1}, 0);
  ASSERT_TRUE(workloads_->add_process(*at(id), program_, root));
  const auto other = workloads_->report_exit(*at(id), {::getpid(), 3});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kFailedPrecondition);
  EXPECT_NE(other.error().message.find(std::to_string(::getpid())), std::string::npos);
  EXPECT_EQ(at(id)->exit_code, std::nullopt);
  EXPECT_TRUE(workloads_->report_exit(*at(id), {program_, 3}));
  EXPECT_EQ(at(id)->exit_code, 3);
}

TEST_F(WorkloadsTest, AnUnknownGrantStaysWhileSomebodyLivesInIt) {
  const auto lived_in = folder_->grant_folder("g-lived-in");
  const auto empty = folder_->grant_folder("g-empty");
  std::filesystem::create_directories(lived_in);
  std::filesystem::create_directories(empty);
  const std::string variable = std::string(abi::kGrantVariable) + "=" + lived_in.string();
  program_ = ::fork();
  if (program_ == 0) {
    const char* const arguments[] = {"sleep", "1000", nullptr};
    const char* const environment[] = {variable.c_str(), nullptr};
    ::execve("/bin/sleep", const_cast<char**>(arguments), const_cast<char**>(environment));
    ::_exit(1);
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (claims_of(program_).grant_folder != lived_in && std::chrono::steady_clock::now() < end)
    ::usleep(1000);  // until it executes
  start("this boot");
  EXPECT_TRUE(std::filesystem::exists(lived_in));
  EXPECT_FALSE(std::filesystem::exists(empty));
  clock_.advance(seconds(60));
  workloads_->tick();
  EXPECT_TRUE(std::filesystem::exists(lived_in));
  ::kill(program_, SIGKILL);
  ::waitpid(program_, nullptr, 0);
  program_ = 0;
  clock_.advance(seconds(60));
  workloads_->tick();
  EXPECT_FALSE(std::filesystem::exists(lived_in));
}

TEST_F(WorkloadsTest, WhatALostDatabaseKnewIsUnmanagedAndNoOtherDaemons) {
  const std::vector<devlib::DeviceProcess> seen = {
      {.process = {.pid = 1'000'000, .start_ticks = 1}, .user = owner_}};
  const auto judged = [&](const std::filesystem::path& folder) {
    Newcomers newcomers;
    const auto claims = [&folder](int) {
      return ProcessClaims{.has_library = true, .grant_folder = folder.string()};
    };
    return judge_device_users(seen, *workloads_, claims, newcomers).at(0);
  };
  const DeviceUser lost = judged(folder_->grant_folder("g-lost"));
  EXPECT_FALSE(lost.managed);
  EXPECT_EQ(lost.grant, nullptr);
  EXPECT_EQ(lost.foreign_grant, "");
  EXPECT_EQ(judged("/elsewhere/grants/g-lost").foreign_grant, "/elsewhere/grants/g-lost");
}

TEST_F(WorkloadsTest, ATrialKeepsToTheRulesOfARequest) {
  config_.limits.memory = MiB(10);
  NewGrant wanted{.owner = owner_};
  wanted.request.memory = MemoryAmount{MiB(11), {}};
  const auto beyond = workloads_->plan(wanted);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, workloads_->create(wanted).error().code);
  wanted.request.memory = MemoryAmount{MiB(1), {}};
  EXPECT_TRUE(std::holds_alternative<placement::Placement>(workloads_->plan(wanted).value()));
  wanted.request.device = "nosuch";
  EXPECT_EQ(workloads_->plan(wanted).error().code, Code::kNotFound);
  EXPECT_EQ(workloads_->create(wanted).error().code, Code::kNotFound);
}

TEST_F(WorkloadsTest, TheDefaultRankIsOneThatTheOwnerMayHave) {
  config_.limits.weight = 50;
  config_.limits.priority = core::Priority::kLow;
  NewGrant wanted{.owner = owner_};
  wanted.request.memory = MemoryAmount{MiB(1), {}};
  wanted.priority_given = false;
  EXPECT_EQ(workloads_->plan(wanted).error().code, Code::kPermissionDenied) << "asked for, 100";
  wanted.weight_given = false;
  EXPECT_TRUE(workloads_->plan(wanted));
  const auto weighted = workloads_->create(wanted);
  ASSERT_TRUE(weighted);
  EXPECT_EQ(std::get<const core::Grant*>(*weighted)->request.weight, 50);
  EXPECT_EQ(std::get<const core::Grant*>(*weighted)->request.priority, core::Priority::kLow);
  config_.limits.weight = 500;
  config_.limits.priority = core::Priority::kHigh;
  const auto usual = workloads_->create(wanted);
  ASSERT_TRUE(usual);
  EXPECT_EQ(std::get<const core::Grant*>(*usual)->request.weight, 100);
  EXPECT_EQ(std::get<const core::Grant*>(*usual)->request.priority, core::Priority::kNormal);
}

TEST_F(WorkloadsTest, AHardShareHasNoUseForItsWeight) {
  config_.limits.weight = 50;
  NewGrant wanted{.owner = owner_};
  wanted.request.memory = MemoryAmount{MiB(1), {}};
  wanted.request.compute = Permille(250);
  const auto hard = workloads_->create(wanted);
  ASSERT_TRUE(hard);
  const core::Grant& grant = *std::get<const core::Grant*>(*hard);
  const auto weighted = workloads_->change(grant, {.share = core::ShareMode::kWeighted}, owner_);
  ASSERT_FALSE(weighted);
  EXPECT_EQ(weighted.error().code, Code::kPermissionDenied);
  wanted.request.share = core::ShareMode::kBurst;
  const auto burst = workloads_->create(wanted);
  ASSERT_FALSE(burst) << "above its guarantee it competes by weight";
  EXPECT_EQ(burst.error().code, Code::kPermissionDenied);
}

TEST_F(WorkloadsTest, RootChangesAGrantBeyondTheLimitsOfItsOwner) {
  config_.limits.priority = core::Priority::kNormal;
  config_.limits.memory = MiB(10);
  const core::Grant& grant = create();
  const GrantChange more{.memory = MemoryAmount{MiB(20), {}}, .priority = core::Priority::kHigh};
  EXPECT_FALSE(workloads_->change(grant, more, owner_));
  ASSERT_TRUE(workloads_->change(grant, more, 0));
  EXPECT_EQ(grant.slices[0].memory, MiB(20));
  EXPECT_EQ(grant.request.priority, core::Priority::kHigh);
  // What it has, its owner may go on with.
  EXPECT_TRUE(workloads_->change(grant, {.memory = MemoryAmount{MiB(15), {}}}, owner_));
  EXPECT_EQ(grant.request.priority, core::Priority::kHigh);
  EXPECT_FALSE(workloads_->change(grant, {.memory = MemoryAmount{MiB(16), {}}}, owner_));
  EXPECT_EQ(grant.slices[0].memory, MiB(15));
}

}  // namespace
}  // namespace melon::agent

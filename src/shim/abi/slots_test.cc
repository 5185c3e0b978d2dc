// SPDX-License-Identifier: Apache-2.0
// Who is dead, who only looks it, and what becomes of their slots.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "shim/abi/files.h"
#include "shim/abi/test_ledger.h"

namespace melon::abi {
namespace {

constexpr std::uint64_t kLimit = 1000;

/// What a child and the test tell each other, by busy words: tests of death avoid descriptors.
struct Signals {
  std::atomic<int> ready{0};
  std::atomic<int> go{0};
  std::atomic<int> result{0};
};

void await(const std::atomic<int>& word) {
  while (word.load() == 0) sched_yield();
}

/// A child that holds granules, says so, and lives until killed.
pid_t start_holder(LedgerFile& ledger, Signals& signals, std::uint64_t granules) {
  signals.ready = 0;
  const pid_t child = start_child([&] {
    const unsigned slot = claim(ledger);
    if (!reserve(ledger, 0, slot, 0, granules, kLimit)) _exit(1);
    signals.ready = 1;
    for (;;) pause();
  });
  await(signals.ready);
  return child;
}

void end(pid_t child) {
  kill(child, SIGKILL);
  wait_child(child);
}

TEST(Reap, GivesBackWhatTheDeadHeldAndNothingElse) {
  const SharedLedger ledger;
  const Shared<Signals> signals;
  const pid_t first = start_holder(*ledger, *signals, 300);
  const pid_t second = start_holder(*ledger, *signals, 500);
  EXPECT_EQ(reap_dead(*ledger, -1), 0u);
  EXPECT_EQ(used_granules(*ledger, 0), 800u);
  end(first);
  EXPECT_EQ(reap_dead(*ledger, -1), 1u);
  EXPECT_EQ(used_granules(*ledger, 0), 500u);
  end(second);
  EXPECT_EQ(reap_dead(*ledger, -1), 1u);
  EXPECT_EQ(used_granules(*ledger, 0), 0u);
  EXPECT_EQ(audit(*ledger), Breach::kNone);
}

TEST(Reap, APidThatIsReusedIsStillADeadProcess) {
  const SharedLedger ledger;
  Identity before = self_identity();
  ASSERT_NE(before.start_ticks, 0u);
  before.start_ticks -= 1;
  EXPECT_TRUE(is_dead(before));
  const int slot = claim_slot(*ledger, before, -1);
  ASSERT_TRUE(reserve(*ledger, 0, static_cast<unsigned>(slot), 2, 7, kLimit));
  EXPECT_EQ(reap_dead(*ledger, -1), 1u);
  EXPECT_EQ(used_granules(*ledger, 0), 0u);
}

TEST(Reap, TheLivingAreNotDead) {
  EXPECT_FALSE(is_dead(self_identity()));
  EXPECT_EQ(liveness(self_identity()), Liveness::kAlive);
  Identity unsure = self_identity();
  unsure.start_ticks = 0;
  EXPECT_EQ(liveness(unsure), Liveness::kUnknown);
  EXPECT_FALSE(is_dead(unsure));
  Identity elsewhere{.pid = 4194303, .start_ticks = 5, .pid_namespace = 1};
  EXPECT_FALSE(is_dead(elsewhere)) << "another namespace's pid says nothing here";
  EXPECT_FALSE(is_dead(Identity{}));
}

TEST(Reap, AZombieWithoutLiveThreadsIsDead) {
  const SharedLedger ledger;
  const Shared<Signals> signals;
  const pid_t child = start_holder(*ledger, *signals, 10);
  kill(child, SIGKILL);
  siginfo_t info;
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(reap_dead(*ledger, -1), 1u) << "though its parent has not waited for it yet";
  EXPECT_EQ(used_granules(*ledger, 0), 0u);
  wait_child(child);
}

char main_thread_state(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "r"), std::fclose);
  char state = '?';
  if (file == nullptr || std::fscanf(file.get(), "%*d %*s %c", &state) != 1) return '?';
  return state;
}

void* sleep_for_ever(void*) {
  for (;;) pause();
}

TEST(Reap, AZombieWhoseThreadsWorkOnIsAlive) {
  const SharedLedger ledger;
  const pid_t child = fork();
  if (child == 0) {
    become_tenant();
    const unsigned slot = claim(*ledger);
    if (!reserve(*ledger, 0, slot, 0, 10, kLimit)) _exit(1);
    pthread_t thread;
    if (pthread_create(&thread, nullptr, sleep_for_ever, nullptr) != 0) _exit(1);
    syscall(SYS_exit, 0);  // this thread alone
  }
  while (main_thread_state(child) != 'Z') sched_yield();
  EXPECT_EQ(reap_dead(*ledger, -1), 0u);
  EXPECT_EQ(used_granules(*ledger, 0), 10u);
  end(child);
  EXPECT_EQ(reap_dead(*ledger, -1), 1u);
}

TEST(Reap, AnExecEndsAProgramsMemory) {
  const SharedLedger ledger;
  const Shared<Signals> signals;
  const pid_t child = start_child([&] {
    const unsigned slot = claim(*ledger);
    if (!reserve(*ledger, 0, slot, 0, 10, kLimit)) _exit(1);
    signals->ready = 1;
    await(signals->go);
    execl("/bin/sleep", "sleep", "1000", nullptr);
  });
  await(signals->ready);
  const Identity before = slot_owner(*ledger, 0);
  EXPECT_EQ(before.pid, static_cast<std::uint32_t>(child));
  EXPECT_EQ(reap_dead(*ledger, -1), 0u);
  signals->go = 1;
  while (liveness(before) != Liveness::kDead) sched_yield();
  EXPECT_EQ(kill(child, 0), 0) << "pid and start time live on";
  EXPECT_EQ(reap_dead(*ledger, -1), 1u);
  EXPECT_EQ(used_granules(*ledger, 0), 0u);
  end(child);
}

TEST(Fork, ARawForkIsSeenAndClaimsItsOwnSlot) {
  const SharedLedger ledger;
  const unsigned slot = claim(*ledger);
  ASSERT_TRUE(reserve(*ledger, 0, slot, 0, 100, kLimit));
  const std::atomic<std::uint32_t>* const mark = make_fork_mark();
  ASSERT_NE(mark, nullptr);
  const auto child = static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  if (child == 0) {
    if (mark->load() != 0) _exit(1);
    release_slot(*ledger, slot, self_identity(), -1);  // its parent's: nothing happens
    if (used_granules(*ledger, 0) != 100) _exit(2);
    const unsigned own = claim(*ledger);
    if (own == slot || !reserve(*ledger, 0, own, 0, 50, kLimit)) _exit(3);
    die();
  }
  const int status = wait_child(child);
  EXPECT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
  EXPECT_EQ(mark->load(), 1u);
  EXPECT_EQ(used_granules(*ledger, 0), 150u);
  EXPECT_EQ(reap_dead(*ledger, -1), 1u);
  EXPECT_EQ(used_granules(*ledger, 0), 100u) << "the parent's is untouched";
  unmap_fork_mark(mark);
}

TEST(Slots, AreNumberedBlankAndGivenBack) {
  const SharedLedger ledger;
  const unsigned slot = claim(*ledger);
  ledger->slots[slot].flags = kFlagNoTimer;
  ledger->slots[slot].consumed_ns[3] = 5;
  release_slot(*ledger, slot, self_identity(), -1);
  EXPECT_EQ(slot_owner(*ledger, slot).pid, 0u);
  EXPECT_EQ(claim(*ledger), slot);
  EXPECT_EQ(ledger->slots[slot].flags, 0u);
  EXPECT_EQ(ledger->slots[slot].consumed_ns[3], 0u);
  EXPECT_EQ(slot_owner(*ledger, slot).start_ticks, self_identity().start_ticks);
  EXPECT_EQ(ledger->slot_bound, slot + 1);
}

TEST(Slots, WhenAllAreHeldTheNextIsRefusedUntilOneDies) {
  const SharedLedger ledger;
  const Shared<Signals> signals;
  const pid_t child = start_holder(*ledger, *signals, 1);
  for (unsigned i = 1; i < kMaxProcesses; ++i) ASSERT_EQ(claim(*ledger), i);
  EXPECT_EQ(claim_slot(*ledger, self_identity(), -1), kNoSlot);
  end(child);
  EXPECT_EQ(claim_slot(*ledger, self_identity(), -1), 0);
  EXPECT_EQ(used_granules(*ledger, 0), 0u);
}

TEST(Slots, SixtyFourProcessesAtOnceGetOneEach) {
  const SharedLedger ledger;
  const Shared<Signals> signals;
  std::vector<pid_t> children;
  for (int i = 0; i < 64; ++i) {
    children.push_back(start_child([&] {
      await(signals->go);
      reserve(*ledger, 0, claim(*ledger), 0, 1, kLimit);
      signals->ready.fetch_add(1);
      for (;;) pause();
    }));
  }
  signals->go = 1;
  while (signals->ready.load() < 64) sched_yield();
  EXPECT_EQ(used_granules(*ledger, 0), 64u);
  EXPECT_EQ(audit(*ledger), Breach::kNone) << "no slot twice";
  for (const pid_t child : children) end(child);
  EXPECT_EQ(reap_dead(*ledger, -1), 64u);
  EXPECT_EQ(used_granules(*ledger, 0), 0u);
}

/// A ledger in a file, so that locks decide where /proc cannot.
class LedgerInFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "melon_ledger_XXXXXX";
    const int fd = mkstemp(pattern.data());
    ASSERT_GE(fd, 0);
    close(fd);
    path_ = pattern;
    ASSERT_EQ(create_ledger(path_.c_str(), "g", {geteuid(), getegid()}), 0);
    ASSERT_EQ(open_region(path_.c_str(), sizeof(LedgerFile), Access::kReadWrite, region_), 0);
  }
  void TearDown() override {
    close_region(region_);
    unlink(path_.c_str());
  }
  LedgerFile& ledger() const { return *static_cast<LedgerFile*>(region_.address); }

  /// In a child: its own description of the file, a slot, and 10 granules.
  unsigned join() const {
    const int fd = open(path_.c_str(), O_RDWR | O_CLOEXEC);
    const int slot = claim_slot(ledger(), self_identity(), fd);
    if (fd < 0 || slot == kNoSlot) _exit(1);
    if (!reserve(ledger(), 0, static_cast<unsigned>(slot), 0, 10, kLimit)) _exit(1);
    return static_cast<unsigned>(slot);
  }

  std::string path_;
  Region region_;
  Shared<Signals> signals_;
};

TEST_F(LedgerInFile, AProcessThatClosesAllDescriptorsIsNotReaped) {
  const pid_t child = fork();
  if (child == 0) {
    join();
    syscall(SYS_close_range, 0U, ~0U, 0U);
    signals_->ready = 1;
    for (;;) pause();
  }
  await(signals_->ready);
  EXPECT_EQ(reap_dead(ledger(), region_.fd), 0u);
  EXPECT_EQ(used_granules(ledger(), 0), 10u);
  end(child);
  EXPECT_EQ(reap_dead(ledger(), region_.fd), 1u);
  EXPECT_EQ(used_granules(ledger(), 0), 0u);
}

// A chroot without /proc, or a pid namespace with its maker's /proc: only locks can tell, and a
// process's own lock looks free to itself.
TEST_F(LedgerInFile, AProcessThatCannotReadProcDoesNotReapItself) {
  for (const bool foreign : {false, true}) {
    const pid_t outer = fork();  // stays root, who alone may chroot
    if (outer == 0) {
      if (foreign && unshare(CLONE_NEWPID) != 0) _exit(77);
      if (const pid_t inner = fork(); inner != 0) _exit(WEXITSTATUS(wait_child(inner)));
      const int fd = open(path_.c_str(), O_RDWR | O_CLOEXEC);
      const Identity self = self_identity();
      const int slot = claim_slot(ledger(), self, fd);
      if (slot == kNoSlot || !reserve(ledger(), 0, static_cast<unsigned>(slot), 0, 10, kLimit))
        _exit(1);
      if (!foreign && chroot("/usr") != 0) _exit(77);
      _exit(reap_dead(ledger(), fd, self) == 0 && used_granules(ledger(), 0) == 10 ? 0 : 2);
    }
    const int status = wait_child(outer);
    if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "needs the right to make a pid namespace";
    EXPECT_EQ(WEXITSTATUS(status), 0) << (foreign ? "another's /proc" : "no /proc");
    EXPECT_EQ(reap_dead(ledger(), region_.fd), 1u);
  }
}

TEST_F(LedgerInFile, InAnotherPidNamespaceTheLockDecides) {
  const pid_t outer = fork();
  if (outer == 0) {
    if (unshare(CLONE_NEWPID) != 0) _exit(77);
    const pid_t inner = fork();
    if (inner == 0) {
      join();
      signals_->result = static_cast<int>(self_identity().pid);
      signals_->ready = 1;
      for (;;) pause();
    }
    await(signals_->go);
    end(inner);
    _exit(0);
  }
  int status = 0;
  while (signals_->ready == 0 && waitpid(outer, &status, WNOHANG) == 0) sched_yield();
  if (signals_->ready == 0) GTEST_SKIP() << "needs the right to make a pid namespace";
  EXPECT_EQ(signals_->result, 1) << "pid 1 there is not pid 1 here";
  EXPECT_EQ(reap_dead(ledger(), region_.fd), 0u);
  EXPECT_EQ(used_granules(ledger(), 0), 10u);
  signals_->go = 1;
  wait_child(outer);
  EXPECT_EQ(reap_dead(ledger(), region_.fd), 1u);
  EXPECT_EQ(used_granules(ledger(), 0), 0u);
}

TEST_F(LedgerInFile, ASlotWhoseNamespaceIsNotYetWrittenNeedsBothToAgree) {
  const pid_t child = fork();
  if (child == 0) {
    const unsigned slot = join();
    ledger().slots[slot].pid_namespace = 0;
    signals_->ready = 1;
    for (;;) pause();
  }
  await(signals_->ready);
  EXPECT_EQ(reap_dead(ledger(), region_.fd), 0u);
  const std::uint64_t honest = ledger().slots[0].owner;
  ledger().slots[0].owner = owner_word(SlotState::kLive, {.pid = 4194303, .start_ticks = 1});
  EXPECT_EQ(reap_dead(ledger(), region_.fd), 0u) << "no such pid here, but the lock is held";
  ledger().slots[0].owner = honest;
  end(child);
  EXPECT_EQ(reap_dead(ledger(), region_.fd), 1u);
}

TEST(Reap, WaitsForAnotherThatIsAtItAndGivesUpInTime) {
  const SharedLedger ledger;
  const unsigned slot = claim(*ledger);
  auto& owner = ledger->slots[slot].owner;
  const std::uint64_t mine = owner;
  // This very process reaps: alive, so nobody takes over.
  owner = owner_word(SlotState::kReaping, self_identity());
  EXPECT_EQ(reap_dead(*ledger, -1), 0u);
  std::thread reaper([&] { owner = 0; });
  reap_dead(*ledger, -1);
  reaper.join();
  owner = mine;
}

TEST(Garbage, OfEveryKindEndsInFiniteTime) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    const SharedLedger ledger;
    std::uint64_t state = seed;
    auto* const words = reinterpret_cast<std::uint64_t*>(&*ledger);
    for (std::size_t i = 6; i < sizeof(LedgerFile) / 8; ++i) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      words[i] = state ^ (state >> 29);
    }
    ledger->slot_bound = kMaxProcesses;
    EXPECT_NE(audit(*ledger), Breach::kNone);
    reap_dead(*ledger, -1);
    const int slot = claim_slot(*ledger, self_identity(), -1);
    if (slot == kNoSlot) continue;
    reserve(*ledger, 0, static_cast<unsigned>(slot), 0, 1, kLimit);
    release(*ledger, 0, static_cast<unsigned>(slot), 1, 1);
    release_slot(*ledger, static_cast<unsigned>(slot), self_identity(), -1);
  }
}

}  // namespace
}  // namespace melon::abi

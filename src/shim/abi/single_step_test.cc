// SPDX-License-Identifier: Apache-2.0
// A process is single-stepped through reserve and release and killed after each instruction.

#include <gtest/gtest.h>
#include <sys/ptrace.h>

#include <cstddef>
#include <cstring>
#include <memory>

#include "shim/abi/test_ledger.h"

namespace melon::abi {
namespace {

constexpr std::uint64_t kLimit = 100;
constexpr std::uint64_t kOurs = 30;
// In all; a sanitizer's many instructions are then sampled, and the test on copies takes each one.
constexpr int kMaxSteps = 300'000;

/// Up to the second slot: what these tests use of a ledger. Copying all of it at each instruction
/// would take minutes under a sanitizer.
constexpr std::size_t kBytesInUse = offsetof(LedgerFile, slots) + 2 * sizeof(ProcessSlot);

/// A child that stops itself before and after the operation it is to be killed in.
class Stepped {
 public:
  explicit Stepped(LedgerFile& ledger, unsigned slot) {
    pid_ = fork();
    if (pid_ == 0) {
      become_tenant();
      if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(77);
      raise(SIGSTOP);
      // The slot was claimed for this child beforehand: what is stepped through is memory alone.
      const bool granted = reserve(ledger, 0, slot, 0, 40, kLimit);
      if (granted) release(ledger, 0, slot, 0, 40);
      raise(SIGSTOP);
      _exit(0);
    }
    status_ = wait_child(pid_);
  }
  ~Stepped() {
    if (!WIFSTOPPED(status_)) return;
    kill(pid_, SIGKILL);
    do status_ = wait_child(pid_);
    while (WIFSTOPPED(status_));
  }
  Stepped(const Stepped&) = delete;
  Stepped& operator=(const Stepped&) = delete;

  bool traced() const { return WIFSTOPPED(status_); }

  /// One instruction. False at the end of the operation.
  bool step() {
    if (ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr) != 0) return false;
    status_ = wait_child(pid_);
    return WIFSTOPPED(status_) && WSTOPSIG(status_) == SIGTRAP;
  }

 private:
  pid_t pid_ = 0;
  int status_ = 0;
};

/// A ledger with a survivor in slot 0 and one about to die in slot 1: an identity that is already
/// gone stands for the child, so that a copy of the ledger can be reaped while it still stands.
class Stage {
 public:
  Stage() : mine(claim(*ledger)) {
    Identity gone = self_identity();
    gone.start_ticks -= 1;
    theirs = static_cast<unsigned>(claim_slot(*ledger, gone, -1));
    EXPECT_TRUE(reserve(*ledger, 0, mine, 0, kOurs, kLimit));
    EXPECT_TRUE(reserve(*ledger, 0, theirs, 1, 10, kLimit));
  }

  /// Exactly what the survivor holds is left once the dead are reaped.
  static void expect_exact(LedgerFile& reaped, unsigned mine) {
    ASSERT_EQ(reap_dead(reaped, -1), 1u);
    ASSERT_EQ(used_granules(reaped, 0), slot_granules(reaped, 0, mine));
    ASSERT_EQ(audit(reaped), Breach::kNone);
  }

  const SharedLedger ledger;
  unsigned mine;
  unsigned theirs = 0;
};

/// The survivor works before it reaps: overwrites the tag of the dead, so that only the record
/// left for them tells what they had committed.
void operate(LedgerFile& ledger, unsigned mine) {
  release(ledger, 0, mine, 0, 3);
  reserve(ledger, 0, mine, 2, 2, kLimit);
}

TEST(SingleStep, AtEveryInstructionACopyOfTheLedgerReapsExactly) {
  const Stage stage;
  Stepped child(*stage.ledger, stage.theirs);
  if (!child.traced()) GTEST_SKIP() << "needs ptrace";
  const SharedLedger copy;
  int steps = 0;
  std::uint64_t highest = 0;
  do {
    const std::uint64_t used = used_granules(*stage.ledger, 0);
    highest = used > highest ? used : highest;
    for (const bool work_first : {false, true}) {
      std::memcpy(static_cast<void*>(&*copy), &*stage.ledger, kBytesInUse);
      if (work_first) operate(*copy, stage.mine);
      Stage::expect_exact(*copy, stage.mine);
      ASSERT_FALSE(HasFailure()) << "after instruction " << steps;
    }
    ++steps;
  } while (child.step());
  EXPECT_EQ(highest, kOurs + 10 + 40) << "the operation was stepped through";
  EXPECT_GT(steps, 100);
  RecordProperty("instructions", steps);
}

int count_instructions() {
  const Stage stage;
  Stepped child(*stage.ledger, stage.theirs);
  int steps = 0;
  while (child.traced() && child.step()) ++steps;
  return steps;
}

TEST(SingleStep, KilledAtEveryInstructionTheSurvivorCountsExactly) {
  const int instructions = count_instructions();
  if (instructions == 0) GTEST_SKIP() << "needs ptrace";
  const int stride = 1 + instructions * (instructions / 2) / kMaxSteps;
  for (int last = 0; last <= instructions; last += stride) {
    const Stage stage;
    const int meddle_at = last == 0 ? 0 : (last * 31 / 7) % last;
    {
      Stepped child(*stage.ledger, stage.theirs);
      for (int i = 0; i < last && child.step(); ++i)
        if (i == meddle_at) operate(*stage.ledger, stage.mine);
    }  // killed here
    if (last % 2 == 0) operate(*stage.ledger, stage.mine);
    Stage::expect_exact(*stage.ledger, stage.mine);
    ASSERT_FALSE(HasFailure()) << "killed after instruction " << last;
  }
}

}  // namespace
}  // namespace melon::abi

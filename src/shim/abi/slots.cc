// SPDX-License-Identifier: Apache-2.0
// Slots of the ledger: claimed by living processes, reaped when their owners are gone.

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shim/abi/fault_point.h"
#include "shim/abi/ledger.h"
#include "shim/abi/words.h"

namespace melon::abi {
namespace {

constexpr std::uint64_t kFree = 0;
constexpr long kWaitStepNs = 100'000;  // between looks at another reaper's progress
constexpr int kWaitSteps = 200;        // 20 ms: a reaper that runs at all is done by then

long byte_lock(int fd, int command, short type, unsigned slot) {
  struct flock range = {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(slot);
  range.l_len = 1;
  const int saved = errno;
  const long failed = syscall(SYS_fcntl, fd, command, &range);
  errno = saved;
  if (failed != 0) return -1;
  return command == F_OFD_GETLK ? range.l_type : 0;
}

/// A slot's lock. It may stay held by a fork's copy of the description although its process is
/// dead, so not getting it stops nobody whom /proc tells enough.
void lock_slot(int fd, unsigned slot) {
  if (fd >= 0) byte_lock(fd, F_OFD_SETLK, F_WRLCK, slot);
}

void unlock_slot(int fd, unsigned slot) {
  if (fd >= 0) byte_lock(fd, F_OFD_SETLK, F_UNLCK, slot);
}

bool lock_is_free(int fd, unsigned slot) {
  return fd >= 0 && byte_lock(fd, F_OFD_GETLK, F_WRLCK, slot) == F_UNLCK;
}

/// The process that looks: what it can say of others depends on where it stands.
struct Observer {
  Identity self;
  int ledger_fd;
  ProcView proc;
};

Identity identity_of(const ProcessSlot& slot, std::uint64_t owner) {
  Identity who{.pid = owner_pid(owner), .start_ticks = owner_start_ticks(owner)};
  who.pid_namespace = slot.pid_namespace.load(std::memory_order_acquire);
  // A reaper leaves the image of the process that it reaps.
  if (slot_state(owner) == SlotState::kLive) who.image = slot.image.load(std::memory_order_acquire);
  return who;
}

/// A lock says nothing of the process that holds it: to itself it always looks free.
bool is_observer(const Identity& who, std::uint64_t owner, const Observer& observer) {
  const Identity& self = observer.self;
  return who.pid == self.pid && who.start_ticks == self.start_ticks &&
         who.pid_namespace == self.pid_namespace &&
         (slot_state(owner) == SlotState::kReaping || who.image == self.image);
}

/// Whether whoever owns a slot, live or reaping, is gone.
bool owner_is_gone(const LedgerFile& ledger, unsigned slot, std::uint64_t owner,
                   const Observer& observer) {
  const Identity who = identity_of(ledger.slots[slot], owner);
  if (is_observer(who, owner, observer)) return false;
  if (who.pid_namespace == 0) {
    // It stopped, or is, between taking the slot and saying where it lives; both must agree.
    return liveness(who, observer.proc) == Liveness::kDead &&
           (observer.ledger_fd < 0 || lock_is_free(observer.ledger_fd, slot));
  }
  if (who.pid_namespace == observer.self.pid_namespace || observer.ledger_fd < 0) {
    const Liveness verdict = liveness(who, observer.proc);
    if (verdict != Liveness::kUnknown) return verdict == Liveness::kDead;
  }
  return lock_is_free(observer.ledger_fd, slot);
}

void raise_slot_bound(LedgerFile& ledger, unsigned slot) {
  std::uint32_t bound = ledger.slot_bound.load(std::memory_order_acquire);
  while (bound < slot + 1 && !ledger.slot_bound.compare_exchange_weak(bound, slot + 1)) {
  }
}

bool try_claim(LedgerFile& ledger, unsigned slot, const Observer& observer) {
  ProcessSlot& where = ledger.slots[slot];
  std::uint64_t owner = where.owner.load(std::memory_order_acquire);
  if (owner != kFree) return false;
  raise_slot_bound(ledger, slot);
  // The lock before the slot: a slot whose owner lives is never seen without.
  lock_slot(observer.ledger_fd, slot);
  MELON_FAULT_POINT("claim.before");
  if (!where.owner.compare_exchange_strong(owner, owner_word(SlotState::kLive, observer.self),
                                           std::memory_order_acq_rel)) {
    unlock_slot(observer.ledger_fd, slot);
    return false;
  }
  MELON_FAULT_POINT("claim.after");
  where.flags.store(0, std::memory_order_relaxed);
  for (auto& consumed : where.consumed_ns) consumed.store(0, std::memory_order_relaxed);
  where.image.store(observer.self.image, std::memory_order_release);
  where.pid_namespace.store(observer.self.pid_namespace, std::memory_order_release);
  return true;
}

int find_slot(LedgerFile& ledger, const Observer& observer) {
  for (unsigned slot = 0; slot < kMaxProcesses; ++slot)
    if (try_claim(ledger, slot, observer)) return static_cast<int>(slot);
  return kNoSlot;
}

/// The last steps of a slot's use: whatever comes after must find it blank.
void free_slot(ProcessSlot& where, unsigned slot, std::uint64_t owner, int ledger_fd) {
  where.image.store(0, std::memory_order_release);
  where.pid_namespace.store(0, std::memory_order_release);
  MELON_FAULT_POINT("free.before");
  unlock_slot(ledger_fd, slot);
  where.owner.compare_exchange_strong(owner, kFree, std::memory_order_acq_rel);
  MELON_FAULT_POINT("free.after");
}

enum class Reaped { kNothing, kFreed, kBusy, kStuck };

Reaped reap_slot(LedgerFile& ledger, unsigned slot, const Observer& observer) {
  ProcessSlot& where = ledger.slots[slot];
  std::uint64_t owner = where.owner.load(std::memory_order_acquire);
  if (owner == kFree) return Reaped::kNothing;
  if (!owner_is_gone(ledger, slot, owner, observer))
    return slot_state(owner) == SlotState::kReaping ? Reaped::kBusy : Reaped::kNothing;

  const std::uint64_t mine = owner_word(SlotState::kReaping, observer.self);
  const std::uint64_t past = owner;
  std::uint64_t past_namespace = where.pid_namespace.load(std::memory_order_acquire);
  lock_slot(observer.ledger_fd, slot);
  // Unknown first, so that nobody looks for this reaper in the dead process's namespace.
  where.pid_namespace.compare_exchange_strong(past_namespace, 0, std::memory_order_acq_rel);
  MELON_FAULT_POINT("reap.before");
  if (!where.owner.compare_exchange_strong(owner, mine, std::memory_order_acq_rel)) {
    unlock_slot(observer.ledger_fd, slot);
    return Reaped::kBusy;
  }
  MELON_FAULT_POINT("reap.after");
  where.pid_namespace.store(observer.self.pid_namespace, std::memory_order_release);
  if (subtract_slot(ledger, slot)) {
    free_slot(where, slot, mine, observer.ledger_fd);
    return Reaped::kFreed;
  }
  where.pid_namespace.store(past_namespace, std::memory_order_release);
  unlock_slot(observer.ledger_fd, slot);
  owner = mine;
  where.owner.compare_exchange_strong(owner, past, std::memory_order_acq_rel);
  return Reaped::kStuck;
}

bool nobody_is_there(const LedgerFile& ledger) {
  for (unsigned slot = 0; slot < slots_in_use(ledger); ++slot)
    if (ledger.slots[slot].owner.load(std::memory_order_acquire) != kFree) return false;
  return true;
}

/// True once the slot is no longer being reaped by another living process.
bool wait_for_reaper(const LedgerFile& ledger, unsigned slot) {
  const auto& owner = ledger.slots[slot].owner;
  const std::uint64_t at_first = owner.load(std::memory_order_acquire);
  if (slot_state(at_first) != SlotState::kReaping) return true;
  const int saved = errno;
  bool done = false;
  for (int step = 0; !done && step < kWaitSteps; ++step) {
    const timespec pause{0, kWaitStepNs};
    syscall(SYS_nanosleep, &pause, nullptr);
    done = owner.load(std::memory_order_acquire) != at_first;
  }
  errno = saved;
  return done;
}

}  // namespace

int claim_slot(LedgerFile& ledger, const Identity& self, int ledger_fd) {
  const Observer observer{self, ledger_fd, ProcView::kForeign};  // judges nobody
  const int slot = find_slot(ledger, observer);
  if (slot != kNoSlot) return slot;
  reap_dead(ledger, ledger_fd, self);
  return find_slot(ledger, observer);
}

void release_slot(LedgerFile& ledger, unsigned slot, const Identity& self, int ledger_fd) {
  if (slot >= kMaxProcesses) return;
  ProcessSlot& where = ledger.slots[slot];
  std::uint64_t owner = owner_word(SlotState::kLive, self);
  const std::uint64_t leaving = owner_word(SlotState::kReaping, self);
  MELON_FAULT_POINT("leave.before");
  if (!where.owner.compare_exchange_strong(owner, leaving, std::memory_order_acq_rel)) return;
  MELON_FAULT_POINT("leave.after");
  if (subtract_slot(ledger, slot)) free_slot(where, slot, leaving, ledger_fd);
}

Identity slot_owner(const LedgerFile& ledger, unsigned slot) {
  if (slot >= kMaxProcesses) return {};
  const std::uint64_t owner = ledger.slots[slot].owner.load(std::memory_order_acquire);
  if (slot_state(owner) != SlotState::kLive) return {};
  return identity_of(ledger.slots[slot], owner);
}

unsigned reap_dead(LedgerFile& ledger, int ledger_fd, const Identity& self) {
  if (nobody_is_there(ledger)) return 0;
  const Observer observer{self, ledger_fd, proc_view()};
  unsigned freed = 0;
  bool may_wait = true;
  for (unsigned slot = 0; slot < slots_in_use(ledger); ++slot) {
    const Reaped result = reap_slot(ledger, slot, observer);
    if (result == Reaped::kStuck) break;
    if (result == Reaped::kFreed) ++freed;
    if (result != Reaped::kBusy || !may_wait) continue;
    may_wait = wait_for_reaper(ledger, slot);
    if (may_wait) ++freed;
  }
  return freed;
}

bool is_usable(const LedgerFile& ledger, std::uint64_t file_bytes) {
  return file_bytes >= sizeof(LedgerFile) && ledger.magic == kLedgerMagic &&
         ledger.version == kVersion && ledger.bytes == sizeof(LedgerFile);
}

}  // namespace melon::abi

// SPDX-License-Identifier: Apache-2.0
#pragma once

// The crash-exact ledger: who uses how much memory of a grant, true although any process may be
// SIGKILLed at any instruction. Used by the shim in tenants' processes and by the agent, which
// samples and reaps. No locks between processes; nothing here allocates or throws, and errno is
// left as it was. README.md tells why the protocol is exact.
//
// One operation of lane L (of a live process, or of whoever reaps a dead one):
//   1  intent(L)  <- {size, s}                          what is about to happen
//   2  device word {used, tag, seq} -> {used+size, L, s}  by compare-and-swap; before it overwrites
//      the tag of another lane M, it writes helped(M) <- seq: evidence that M's operation committed
//   3  applied(L) <- {amount+size, s}                   applies and retires the intent in one store
// Refused in between: intent(L) <- {0, s - 1}, so that only committed operations use up sequences.
// Whoever finds L dead decides exactly: intent.seq == applied.seq: nothing pending. Else the
// operation committed if the device word carries {L, s} or helped(L) == s; otherwise it never
// happened. The reaper then makes one amount of the slot's lanes and subtracts it as one more
// operation of a lane of its own, so that a reaper that dies too is continued by the next.

#include <cstdint>

#include "shim/abi/process.h"
#include "shim/abi/region.h"

namespace melon::abi {

constexpr int kNoSlot = -1;

/// Claims a slot for this process; reaps dead ones when none is free. kNoSlot when kMaxProcesses
/// live ones hold them all.
///
/// `ledger_fd` is the ledger's file, opened by this very process (a description inherited through
/// fork would hold the parent's lock) and kept open: its lock on the slot's byte speaks for the
/// process to those that cannot see it in /proc. -1 says that all who share the ledger share one
/// pid namespace. One thread of a process at a time.
int claim_slot(LedgerFile& ledger, const Identity& self, int ledger_fd);

/// Gives a slot back at a clean end: its amounts are subtracted, then it is free. Does nothing when
/// the slot is not `self`'s (a forked child's copy of its parent's slot number). No other thread
/// may be inside an operation of this slot.
void release_slot(LedgerFile& ledger, unsigned slot, const Identity& self, int ledger_fd);

/// Adds granules to a lane if the device's total stays within the limit. False: refused, nothing
/// changed. The caller holds the lane's in-process lock.
bool reserve(LedgerFile& ledger, unsigned device, unsigned slot, unsigned lane,
             std::uint64_t granules, std::uint64_t limit_granules);

/// Subtracts granules. A lane may go below zero, so any lane frees what another reserved: only the
/// sum of a process's lanes means anything. Never refused. The caller holds the lane's lock.
void release(LedgerFile& ledger, unsigned device, unsigned slot, unsigned lane,
             std::uint64_t granules);

/// Granules used on the device by all processes.
std::uint64_t used_granules(const LedgerFile& ledger, unsigned device);

/// Granules that one slot's process holds on the device; for display.
std::uint64_t slot_granules(const LedgerFile& ledger, unsigned device, unsigned slot);

/// Who holds a slot; pid 0: nobody, or somebody who is about to free it.
Identity slot_owner(const LedgerFile& ledger, unsigned slot);

/// Subtracts what dead processes left, on all devices. Returns the number of slots freed, also by
/// another reaper for which it waited (at most 20 ms). Called when an allocation would be refused,
/// when no slot is free, and by the agent twice a second. `ledger_fd` as in claim_slot. `self` is
/// whom claim_slot was told: a process that has lost sight of /proc since must still know its own.
unsigned reap_dead(LedgerFile& ledger, int ledger_fd, const Identity& self = self_identity());

/// True when header and sizes are those of this version; any other content is tolerated by every
/// function here (garbage in, wrong figures out, no crash, no endless loop).
bool is_usable(const LedgerFile& ledger, std::uint64_t file_bytes);

/// The first rule that the ledger's content breaks.
enum class Breach : int {
  kNone = 0,
  kHeader = 1,    // magic, version, size or slot bound
  kTotal = 2,     // a device's total differs from the lanes' sum while nothing is in flight
  kAmount = 3,    // an amount that no sequence of operations produces, or an owner that is none
  kTwoSlots = 4,  // two live slots of one process
};

/// What is wrong inside, for the agent. kNone also while operations never let it look.
Breach audit(const LedgerFile& ledger);

}  // namespace melon::abi

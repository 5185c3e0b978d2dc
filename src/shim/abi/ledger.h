// SPDX-License-Identifier: Apache-2.0
#pragma once

// The crash-exact ledger: who uses how much memory of a grant, true although any process may be
// SIGKILLed at any instruction. Used by the shim in tenants' processes and by the agent, which
// samples and reaps. No locks between processes; nothing here blocks, allocates or throws.
//
// One operation of lane L (of a live process, or of whoever reaps a dead one):
//   1  intent(L)  <- {size, s}                          what is about to happen
//   2  device word {used, tag, seq} -> {used+size, L, s}  by compare-and-swap; before it overwrites
//      the tag of another lane M, it writes helped(M) <- seq: evidence that M's operation committed
//   3  applied(L) <- {amount+size, s}                   applies and retires the intent in one store
// Whoever finds L dead decides exactly: intent.seq == applied.seq: nothing pending. Else the
// operation committed if the device word carries {L, s} or helped(L) == s; otherwise it never
// happened. The reaper then subtracts the lane's amount as one more operation of L itself, so that
// a reaper that dies too is continued by the next.

#include <cstdint>

#include "shim/abi/region.h"

namespace melon::abi {

/// A process, as slots name it.
struct Identity {
  std::uint32_t pid = 0;
  std::uint64_t start_ticks = 0;
  std::uint64_t pid_namespace = 0;
};

/// This process. start_ticks is 0 when /proc cannot be read.
Identity self_identity();

/// True when the process is gone: its pid is free or another start time's, or it is a zombie with
/// no live thread. False when in doubt.
bool is_dead(const Identity& identity);

constexpr int kNoSlot = -1;

/// Claims a slot for this process; reaps dead ones when none is free. `ledger_fd` carries the
/// lock of processes that /proc cannot tell apart (another pid namespace); -1: none.
/// kNoSlot when kMaxProcesses live ones hold them all.
int claim_slot(LedgerFile& ledger, const Identity& self, int ledger_fd);
/// Gives a slot back at a clean end: its amounts are subtracted, then it is free.
void release_slot(LedgerFile& ledger, unsigned slot, const Identity& self);

/// Adds granules to a lane if the device's total stays within the limit. False: refused, nothing
/// changed. The caller holds the lane's in-process lock.
bool reserve(LedgerFile& ledger, unsigned device, unsigned slot, unsigned lane,
             std::uint64_t granules, std::uint64_t limit_granules);
/// Subtracts granules; a lane may go below zero as long as the process's lanes sum to its use, so
/// any lane frees what another reserved. Never refused.
void release(LedgerFile& ledger, unsigned device, unsigned slot, unsigned lane,
             std::uint64_t granules);

/// Granules used on the device by all processes.
std::uint64_t used_granules(const LedgerFile& ledger, unsigned device);

/// Subtracts what dead processes left, on all devices. Returns the number of slots freed. Called
/// when an allocation would be refused, when no slot is free, and by the agent twice a second.
unsigned reap_dead(LedgerFile& ledger, int ledger_fd);

/// True when header and sizes are those of this version; any other content is tolerated by every
/// function here (garbage in, wrong figures out, no crash, no endless loop).
bool is_usable(const LedgerFile& ledger, std::uint64_t file_bytes);

/// What is wrong inside, for the agent: 0, or the first broken rule (1 header, 2 device total
/// differs from the lanes' sum while nothing is in flight, 3 impossible amount, 4 two slots of one
/// process).
int audit(const LedgerFile& ledger);

}  // namespace melon::abi

// SPDX-License-Identifier: Apache-2.0
#pragma once

// How the ledger's one-word states are packed. Private to the ledger's sources and tests.

#include <cstdint>

#include "shim/abi/ledger.h"

namespace melon::abi {

constexpr unsigned kSequenceBits = 23;
constexpr std::uint64_t kSequenceMask = (std::uint64_t{1} << kSequenceBits) - 1;
/// At every half of the sequence's circle the owner renews `helped`, see renew_helped().
constexpr std::uint64_t kHalfCircle = std::uint64_t{1} << (kSequenceBits - 1);

constexpr unsigned kTagBits = 11;
constexpr std::uint64_t kTagMask = (std::uint64_t{1} << kTagBits) - 1;
static_assert(std::uint64_t{kMaxProcesses} * kLanes == kTagMask + 1);

/// {signed granules : 41 | sequence : 23}
struct LaneWord {
  std::int64_t granules;
  std::uint64_t sequence;
};

constexpr LaneWord lane_word(std::uint64_t word) {
  return {static_cast<std::int64_t>(word) >> kSequenceBits, word & kSequenceMask};
}

constexpr std::uint64_t pack(LaneWord lane) {
  return (static_cast<std::uint64_t>(lane.granules) << kSequenceBits) |
         (lane.sequence & kSequenceMask);
}

/// {granules used : 30 | slot * kLanes + lane : 11 | sequence : 23}
struct DeviceWord {
  std::uint64_t granules;
  std::uint64_t tag;
  std::uint64_t sequence;
};

constexpr DeviceWord device_word(std::uint64_t word) {
  return {word >> (kSequenceBits + kTagBits), (word >> kSequenceBits) & kTagMask,
          word & kSequenceMask};
}

constexpr std::uint64_t pack(DeviceWord device) {
  return (device.granules << (kSequenceBits + kTagBits)) | (device.tag << kSequenceBits) |
         device.sequence;
}

enum class SlotState : std::uint64_t { kFree = 0, kLive = 1, kReaping = 2 };

constexpr unsigned kPidBits = 24;
constexpr unsigned kStartBits = 38;
constexpr std::uint64_t kPidMask = (std::uint64_t{1} << kPidBits) - 1;
constexpr std::uint64_t kStartMask = (std::uint64_t{1} << kStartBits) - 1;

constexpr std::uint64_t owner_word(SlotState state, const Identity& who) {
  return (static_cast<std::uint64_t>(state) << (kPidBits + kStartBits)) |
         ((who.start_ticks & kStartMask) << kPidBits) | (who.pid & kPidMask);
}

constexpr SlotState slot_state(std::uint64_t owner) {
  return static_cast<SlotState>(owner >> (kPidBits + kStartBits));
}

constexpr std::uint32_t owner_pid(std::uint64_t owner) {
  return static_cast<std::uint32_t>(owner & kPidMask);
}

constexpr std::uint64_t owner_start_ticks(std::uint64_t owner) {
  return (owner >> kPidBits) & kStartMask;
}

/// What a slot's lanes on a device hold together. Lanes may drift apart without bound (one thread
/// allocates what another frees) and wrap around; their sum modulo 2^41 is still the process's use.
inline std::int64_t lanes_sum(const ProcessSlot& slot, unsigned device) {
  std::uint64_t sum = 0;
  for (const Lane& lane : slot.lanes[device])
    sum += lane.applied.load(std::memory_order_acquire) & ~kSequenceMask;
  return lane_word(sum).granules;
}

/// The number of slots to look at, whatever the file says.
inline unsigned slots_in_use(const LedgerFile& ledger) {
  const std::uint32_t bound = ledger.slot_bound.load(std::memory_order_acquire);
  return bound < kMaxProcesses ? bound : kMaxProcesses;
}

/// Brings a lane to rest whose owner stopped inside an operation: applies what was committed,
/// forgets what was not. Only for the lane's owner or whoever reaps it.
void settle_lane(LedgerFile& ledger, unsigned device, unsigned slot, unsigned lane);

/// Subtracts all that a slot's lanes hold on every device. Only for the slot's owner or reaper.
/// False: stopped, because somebody scribbles over the device word without end.
bool subtract_slot(LedgerFile& ledger, unsigned slot);

}  // namespace melon::abi

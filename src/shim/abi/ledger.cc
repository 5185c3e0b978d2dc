// SPDX-License-Identifier: Apache-2.0
// Memory operations of the ledger: one compare-and-swap each, exact at any death.

#include "shim/abi/ledger.h"

#include "shim/abi/fault_point.h"
#include "shim/abi/words.h"

namespace melon::abi {
namespace {

// A compare-and-swap fails only because somebody else succeeded, so honest peers never use these
// up; a peer that scribbles over the ledger must not hold a process (or the agent) for ever.
constexpr unsigned kMaxAttempts = 1u << 20;
/// One lane and where it lives.
struct Place {
  LedgerFile& ledger;
  unsigned device, slot, index;

  Lane& lane() const { return ledger.slots[slot].lanes[device][index]; }
  std::atomic<std::uint64_t>& used() const { return ledger.devices[device].used; }
  std::uint64_t tag() const { return std::uint64_t{slot} * kLanes + index; }
};

bool in_range(unsigned device, unsigned slot, unsigned lane) {
  return device < kMaxDevices && slot < kMaxProcesses && lane < kLanes;
}

Lane& lane_of_tag(LedgerFile& ledger, unsigned device, std::uint64_t tag) {
  return ledger.slots[tag / kLanes].lanes[device][tag % kLanes];
}

/// Makes `helped` recent and changes its version. A helper that read the device word before and
/// stalled then fails to write its old sequence; and no old record is left to be mistaken for this
/// lane's operation when the sequence comes round.
void renew_helped(Lane& lane, std::uint64_t last_sequence) {
  for (unsigned i = 0; i < kMaxAttempts; ++i) {
    std::uint64_t old = lane.helped.load(std::memory_order_acquire);
    const std::uint64_t renewed = pack(LaneWord{lane_word(old).granules + 1, last_sequence});
    if (lane.helped.compare_exchange_weak(old, renewed, std::memory_order_acq_rel)) return;
  }
}

/// Records that the operation whose tag the device word carries has committed, so that the tag may
/// be overwritten. `word` is taken anew after `helped` was read: if `helped` is then still the same
/// at the exchange, the word's operation was not older than that. False: try again.
bool help_tag_owner(const Place& place, std::uint64_t& word) {
  const std::uint64_t tag = device_word(word).tag;
  Lane& other = lane_of_tag(place.ledger, place.device, tag);
  std::uint64_t helped = other.helped.load(std::memory_order_acquire);
  word = place.used().load(std::memory_order_acquire);
  const DeviceWord device = device_word(word);
  if (device.tag != tag) return false;
  const LaneWord record = lane_word(helped);
  if (record.sequence == device.sequence) return true;
  MELON_FAULT_POINT("help.before");
  const bool written = other.helped.compare_exchange_strong(
      helped, pack(LaneWord{record.granules + 1, device.sequence}), std::memory_order_acq_rel);
  MELON_FAULT_POINT("help.after");
  if (!written) word = place.used().load(std::memory_order_acquire);
  return written;
}

/// The total after the operation, or nothing when it would be above the limit.
bool add(std::uint64_t used, std::int64_t delta, std::uint64_t limit, std::uint64_t& total) {
  if (delta < 0) {
    const auto less = static_cast<std::uint64_t>(-delta);
    total = used > less ? used - less : 0;  // below zero only in a ledger full of garbage
    return true;
  }
  total = used + static_cast<std::uint64_t>(delta);
  return total <= limit;
}

/// Step 2 of an operation. False: refused, the device word is untouched by it.
bool commit(const Place& place, std::int64_t delta, std::uint64_t sequence, std::uint64_t limit) {
  std::uint64_t word = place.used().load(std::memory_order_acquire);
  for (unsigned i = 0; i < kMaxAttempts; ++i) {
    std::uint64_t total = 0;
    if (!add(device_word(word).granules, delta, limit, total)) return false;
    if (device_word(word).tag != place.tag()) {
      const std::uint64_t before = word;
      if (!help_tag_owner(place, word) || word != before) continue;
    }
    MELON_FAULT_POINT("commit.before");
    const std::uint64_t committed = pack(DeviceWord{total, place.tag(), sequence});
    if (place.used().compare_exchange_strong(word, committed, std::memory_order_acq_rel,
                                             std::memory_order_acquire))
      return true;
  }
  return false;
}

/// One whole operation. False: refused, nothing changed.
bool operate(const Place& place, std::int64_t delta, std::uint64_t limit) {
  Lane& lane = place.lane();
  const std::uint64_t resting = lane.applied.load(std::memory_order_acquire);
  const LaneWord last = lane_word(resting);
  const std::uint64_t sequence = (last.sequence + 1) & kSequenceMask;
  if (sequence % kHalfCircle == 0) renew_helped(lane, last.sequence);

  MELON_FAULT_POINT("intent.before");
  lane.intent.store(pack(LaneWord{delta, sequence}), std::memory_order_release);
  MELON_FAULT_POINT("intent.after");
  if (!commit(place, delta, sequence, limit)) {
    MELON_FAULT_POINT("cancel.before");
    lane.intent.store(pack(LaneWord{0, last.sequence}), std::memory_order_release);
    MELON_FAULT_POINT("cancel.after");
    return false;
  }
  MELON_FAULT_POINT("commit.after");
  lane.applied.store(pack(LaneWord{last.granules + delta, sequence}), std::memory_order_release);
  MELON_FAULT_POINT("applied.after");
  return true;
}

/// Makes one amount of a slot's lanes on one device, so that a single operation can subtract it:
/// lane by lane, the total would for a moment be more, or worse less, than what is in use. The sum
/// is logged first; whoever goes on after a death writes the same again.
void write_merged(ProcessSlot& slot, unsigned device, std::int64_t sum) {
  for (Lane& lane : slot.lanes[device]) {
    const bool first = &lane == &slot.lanes[device][0];
    const LaneWord last = lane_word(lane.applied.load(std::memory_order_relaxed));
    lane.applied.store(pack(LaneWord{first ? sum : 0, last.sequence}), std::memory_order_release);
    MELON_FAULT_POINT("merge.during");
  }
  slot.merge.store(0, std::memory_order_release);
  MELON_FAULT_POINT("merge.after");
}

void merge_lanes(ProcessSlot& slot, unsigned device) {
  const std::int64_t sum = lanes_sum(slot, device);
  slot.merge.store(pack(LaneWord{sum, device + 1}), std::memory_order_release);
  MELON_FAULT_POINT("merge.before");
  write_merged(slot, device, sum);
}

/// Ends what a reaper left that died while it merged.
void finish_merge(ProcessSlot& slot) {
  const LaneWord merge = lane_word(slot.merge.load(std::memory_order_acquire));
  if (merge.sequence == 0) return;
  if (merge.sequence <= kMaxDevices)
    write_merged(slot, static_cast<unsigned>(merge.sequence) - 1, merge.granules);
  else
    slot.merge.store(0, std::memory_order_release);
}

bool holds_nothing(const ProcessSlot& slot, unsigned device) {
  for (const Lane& lane : slot.lanes[device])
    if (lane_word(lane.applied.load(std::memory_order_acquire)).granules != 0) return false;
  return true;
}

/// Subtracts what a slot's lanes, all at rest, hold on one device. False: somebody keeps the device
/// word from ever being exchanged.
bool subtract_device(LedgerFile& ledger, unsigned device, unsigned slot) {
  ProcessSlot& where = ledger.slots[slot];
  if (holds_nothing(where, device)) return true;
  merge_lanes(where, device);
  const std::int64_t sum = lanes_sum(where, device);
  const auto used = static_cast<std::int64_t>(used_granules(ledger, device));
  const std::int64_t part = sum < used ? sum : used;
  if (part > 0 && !operate({ledger, device, slot, 0}, -part, kMaxGranules)) return false;
  // Less than all, or less than nothing, only in a ledger full of garbage: forget the rest.
  const LaneWord last = lane_word(where.lanes[device][0].applied.load(std::memory_order_relaxed));
  if (last.granules != 0)
    where.lanes[device][0].applied.store(pack(LaneWord{0, last.sequence}),
                                         std::memory_order_release);
  return true;
}

}  // namespace

bool reserve(LedgerFile& ledger, unsigned device, unsigned slot, unsigned lane,
             std::uint64_t granules, std::uint64_t limit_granules) {
  if (!in_range(device, slot, lane)) return false;
  const std::uint64_t limit = limit_granules < kMaxGranules ? limit_granules : kMaxGranules;
  // Also without an intent: a refusal that is clear at once costs no store.
  const std::uint64_t used = used_granules(ledger, device);
  if (granules > limit || used > limit - granules) return false;
  return operate({ledger, device, slot, lane}, static_cast<std::int64_t>(granules), limit);
}

void release(LedgerFile& ledger, unsigned device, unsigned slot, unsigned lane,
             std::uint64_t granules) {
  if (!in_range(device, slot, lane) || granules == 0 || granules > kMaxGranules) return;
  operate({ledger, device, slot, lane}, -static_cast<std::int64_t>(granules), kMaxGranules);
}

std::uint64_t used_granules(const LedgerFile& ledger, unsigned device) {
  if (device >= kMaxDevices) return 0;
  return device_word(ledger.devices[device].used.load(std::memory_order_acquire)).granules;
}

std::uint64_t slot_granules(const LedgerFile& ledger, unsigned device, unsigned slot) {
  if (!in_range(device, slot, 0)) return 0;
  const std::int64_t sum = lanes_sum(ledger.slots[slot], device);
  return sum > 0 ? static_cast<std::uint64_t>(sum) : 0;
}

void settle_lane(LedgerFile& ledger, unsigned device, unsigned slot, unsigned lane) {
  const Place place{ledger, device, slot, lane};
  const LaneWord intent = lane_word(place.lane().intent.load(std::memory_order_acquire));
  const LaneWord applied = lane_word(place.lane().applied.load(std::memory_order_acquire));
  if (intent.sequence == applied.sequence) return;
  // The device word first: a tag that is overwritten after this look is of no interest, and one
  // overwritten before it left its record in `helped`.
  const DeviceWord device_now = device_word(place.used().load(std::memory_order_acquire));
  const LaneWord helped = lane_word(place.lane().helped.load(std::memory_order_acquire));
  const bool carried = device_now.tag == place.tag() && device_now.sequence == intent.sequence;
  MELON_FAULT_POINT("settle.before");
  if (carried || helped.sequence == intent.sequence) {
    const LaneWord result{applied.granules + intent.granules, intent.sequence};
    place.lane().applied.store(pack(result), std::memory_order_release);
  } else {
    place.lane().intent.store(pack(LaneWord{0, applied.sequence}), std::memory_order_release);
  }
  MELON_FAULT_POINT("settle.after");
}

bool subtract_slot(LedgerFile& ledger, unsigned slot) {
  finish_merge(ledger.slots[slot]);
  for (unsigned device = 0; device < kMaxDevices; ++device) {
    for (unsigned lane = 0; lane < kLanes; ++lane) settle_lane(ledger, device, slot, lane);
    if (!subtract_device(ledger, device, slot)) return false;
  }
  return true;
}

}  // namespace melon::abi

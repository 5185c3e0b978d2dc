// SPDX-License-Identifier: Apache-2.0
// Looks for content of a ledger that no sequence of operations produces.

#include "shim/abi/ledger.h"
#include "shim/abi/words.h"

namespace melon::abi {
namespace {

constexpr int kLooks = 8;  // at a device whose figures move

/// A device at one instant, or not: a moving one is looked at again.
enum class View { kStable, kMoving };

struct Sums {
  std::int64_t total = 0;
  Breach breach = Breach::kNone;
};

/// What one slot's lanes sum to. kMoving: an operation is in flight. `applied` before `intent`: an
/// operation that starts in between is seen as in flight.
View sum_slot(const LedgerFile& ledger, unsigned device, unsigned slot, std::int64_t& sum) {
  for (const Lane& lane : ledger.slots[slot].lanes[device]) {
    const LaneWord applied = lane_word(lane.applied.load(std::memory_order_acquire));
    const LaneWord intent = lane_word(lane.intent.load(std::memory_order_acquire));
    if (applied.sequence != intent.sequence) return View::kMoving;
    sum += applied.granules;
  }
  return View::kStable;
}

/// All slots' lanes on one device.
View sum_device(const LedgerFile& ledger, unsigned device, Sums& sums) {
  const auto most = static_cast<std::int64_t>(kMaxGranules);
  for (unsigned slot = 0; slot < slots_in_use(ledger); ++slot) {
    const std::uint64_t owner = ledger.slots[slot].owner.load(std::memory_order_acquire);
    std::int64_t sum = 0;
    if (sum_slot(ledger, device, slot, sum) == View::kMoving) return View::kMoving;
    if (ledger.slots[slot].owner.load(std::memory_order_acquire) != owner) return View::kMoving;
    const bool resting = slot_state(owner) != SlotState::kReaping;
    const bool impossible = sum < 0 || sum > most || (owner == 0 && sum != 0);
    if (resting && impossible) sums.breach = Breach::kAmount;
    sums.total += sum;
  }
  return View::kStable;
}

Breach audit_device(const LedgerFile& ledger, unsigned device) {
  const auto& used = ledger.devices[device].used;
  for (int look = 0; look < kLooks; ++look) {
    const std::uint64_t before = used.load(std::memory_order_acquire);
    Sums sums;
    if (sum_device(ledger, device, sums) == View::kMoving) continue;
    if (used.load(std::memory_order_acquire) != before) continue;
    if (sums.breach != Breach::kNone) return sums.breach;
    const auto total = static_cast<std::int64_t>(device_word(before).granules);
    return total == sums.total ? Breach::kNone : Breach::kTotal;
  }
  return Breach::kNone;
}

Breach audit_owners(const LedgerFile& ledger) {
  const unsigned bound = slots_in_use(ledger);
  for (unsigned slot = 0; slot < bound; ++slot) {
    const std::uint64_t owner = ledger.slots[slot].owner.load(std::memory_order_acquire);
    if (owner == 0) continue;
    if (owner_pid(owner) == 0 || slot_state(owner) > SlotState::kReaping ||
        slot_state(owner) == SlotState::kFree)
      return Breach::kAmount;
    if (slot_state(owner) != SlotState::kLive) continue;
    const std::uint64_t image = ledger.slots[slot].image.load(std::memory_order_acquire);
    for (unsigned other = slot + 1; other < bound; ++other) {
      // After an exec the slot of the image before may still wait for its reaper.
      if (ledger.slots[other].owner.load(std::memory_order_acquire) == owner &&
          ledger.slots[other].image.load(std::memory_order_acquire) == image)
        return Breach::kTwoSlots;
    }
  }
  return Breach::kNone;
}

}  // namespace

Breach audit(const LedgerFile& ledger) {
  if (!is_usable(ledger, sizeof(LedgerFile))) return Breach::kHeader;
  if (ledger.slot_bound.load(std::memory_order_acquire) > kMaxProcesses) return Breach::kHeader;
  const Breach owners = audit_owners(ledger);
  if (owners != Breach::kNone) return owners;
  for (unsigned device = 0; device < kMaxDevices; ++device) {
    const Breach breach = audit_device(ledger, device);
    if (breach != Breach::kNone) return breach;
  }
  return Breach::kNone;
}

}  // namespace melon::abi

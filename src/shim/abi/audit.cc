// SPDX-License-Identifier: Apache-2.0
// Looks for content of a ledger that no sequence of operations produces.

#include "shim/abi/ledger.h"
#include "shim/abi/words.h"

namespace melon::abi {
namespace {

constexpr int kLooks = 8;    // at a device whose figures move
constexpr int kWitness = 2;  // looks that must agree on a breach

/// A device at one instant, or not: a moving one is looked at again.
enum class View { kStable, kMoving };

struct Sums {
  std::int64_t total = 0;
  Breach breach = Breach::kNone;
};

/// True while an operation on the slot's lanes is under way. `applied` before `intent`: one that
/// starts in between is seen.
bool is_moving(const ProcessSlot& slot, unsigned device) {
  for (const Lane& lane : slot.lanes[device]) {
    const LaneWord applied = lane_word(lane.applied.load(std::memory_order_acquire));
    const LaneWord intent = lane_word(lane.intent.load(std::memory_order_acquire));
    if (applied.sequence != intent.sequence) return true;
  }
  return false;
}

/// All slots' lanes on one device.
View sum_device(const LedgerFile& ledger, unsigned device, Sums& sums) {
  const auto most = static_cast<std::int64_t>(kMaxGranules);
  for (unsigned index = 0; index < slots_in_use(ledger); ++index) {
    const ProcessSlot& slot = ledger.slots[index];
    const std::uint64_t owner = slot.owner.load(std::memory_order_acquire);
    const std::int64_t sum = lanes_sum(slot, device);
    if (slot_state(owner) == SlotState::kReaping || is_moving(slot, device)) return View::kMoving;
    if (slot.owner.load(std::memory_order_acquire) != owner) return View::kMoving;
    if (sum < 0 || sum > most || (owner == 0 && sum != 0)) sums.breach = Breach::kAmount;
    sums.total += sum;
  }
  return View::kStable;
}

View look_at_device(const LedgerFile& ledger, unsigned device, Breach& breach) {
  const auto& used = ledger.devices[device].used;
  const std::uint64_t before = used.load(std::memory_order_acquire);
  Sums sums;
  if (sum_device(ledger, device, sums) == View::kMoving) return View::kMoving;
  // Every operation changes the word, so lanes that were read meanwhile belong to it.
  if (used.load(std::memory_order_acquire) != before) return View::kMoving;
  const auto total = static_cast<std::int64_t>(device_word(before).granules);
  breach = sums.breach;
  if (breach == Breach::kNone && total != sums.total) breach = Breach::kTotal;
  return View::kStable;
}

/// A slot that was left and claimed anew between two reads can deceive one look, not the next.
Breach audit_device(const LedgerFile& ledger, unsigned device) {
  Breach breach = Breach::kNone;
  int seen = 0;
  for (int look = 0; look < kLooks && seen < kWitness; ++look) {
    Breach found = Breach::kNone;
    if (look_at_device(ledger, device, found) == View::kMoving) continue;
    if (found == Breach::kNone) return Breach::kNone;
    breach = found;
    ++seen;
  }
  return seen == kWitness ? breach : Breach::kNone;
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

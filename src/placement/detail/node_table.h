// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "placement/amounts.h"
#include "placement/cluster.h"
#include "placement/detail/cache_aligned.h"
#include "placement/detail/lowest_priorities.h"

namespace melon::placement::detail {

/// What a task is by the number of devices that it takes: none, a share of one, 1, 2, 4, 8, others.
enum class TaskClass : std::uint8_t { kNone, kShare, kOne, kTwo, kFour, kEight, kOther };
inline constexpr std::size_t kTaskClasses = 7;

/// Devices that are alike: one vendor, type and capacity.
struct DeviceKind {
  std::string vendor = {};
  std::string type = {};
  Amounts capacity = {};

  bool operator==(const DeviceKind&) const = default;
};

/// Some of a node's cards. The first 32 are told one by one; those beyond are always among them, so
/// whoever goes through the set must look at each anyway.
using CardMask = std::uint32_t;
inline constexpr std::uint16_t kMaskedCards = 32;

/// Calls f(card) for the cards of a mask, in their order.
template <class F>
void for_each_card(CardMask mask, std::uint16_t cards, F f) {
  if (cards < kMaskedCards) mask &= (CardMask{1} << cards) - 1;
  for (; mask != 0; mask &= mask - 1) f(static_cast<std::uint16_t>(std::countr_zero(mask)));
  for (std::uint16_t card = kMaskedCards; card < cards; ++card) f(card);
}

/// What every decision reads of a node; the rest is in NodeEntry. Two cache lines.
struct NodeRow {
  HostAmounts free = {};
  std::uint32_t first_card = 0;
  std::uint16_t cards = 0;
  bool open = false;  // there, and not cordoned
  bool tainted = false;
  bool uniform = false;                             // all cards are of one kind
  std::uint16_t kind = 0;                           // of the first card
  std::int32_t milli_free = 0;                      // of all cards
  std::int32_t pods = 0;                            // grants on it
  std::array<std::uint16_t, kTaskClasses> tasks{};  // of them by class
  // Cards that have something left of slots, of memory, of compute: whoever asks for some of it
  // need not look at the others. On a full node these are few.
  std::array<CardMask, kFirstExtra> with_left{};
  CardMask with_milli = 0;                     // whose free thousandths are not 0
  std::int32_t lowest_priority = kNoPriority;  // of the grants on it
  std::int64_t cpu_capacity = 0;               // in thousandths
  Amounts widest = {};  // the most room of any card, dimension by dimension: most requests that do
                        // not fit are told so by this alone
};

/// How well two cards of a node are linked, by their places on it.
struct CardLink {
  std::uint16_t from = 0;
  std::uint16_t to = 0;
  std::int32_t score = 0;
};

/// What is read when a node is chosen, changed or explained.
struct NodeEntry {
  std::string name = {};
  std::uint32_t rank = 0;
  bool present = false;
  bool cordoned = false;
  HostAmounts capacity = {};
  Oversubscription oversubscription = {};
  std::map<std::string, std::int64_t> extended_capacity = {};
  std::map<std::string, std::int64_t> extended_free = {};
  std::map<std::string, std::string> labels = {};
  std::vector<Taint> taints = {};
  std::vector<HostPort> ports = {};        // of the host, in use; sorted, with repetitions
  std::vector<std::uint32_t> grants = {};  // slots of GrantTable, in no order
  LowestPriorities priorities = {};        // of them
  std::vector<CardLink> links = {};
  std::map<std::string, ScoreTables> score_tables = {};
};

/// What is read of a card when it is granted or explained.
struct CardEntry {
  std::string uuid = {};
  std::int32_t index = 0;
  std::int16_t numa = -1;        // -1: not known
  std::int16_t link_group = -1;  // -1: in none
  bool healthy = true;
  bool cordoned = false;
};

static_assert(sizeof(NodeRow) == 128);

/// The cluster as arrays: nodes by id, and each node's cards side by side. Written by Index alone.
struct NodeTable {
  AlignedVector<NodeRow> rows = {};
  std::vector<NodeEntry> entries = {};
  AlignedVector<Amounts> room = {};      // by card: what is free; nothing when it may not be used
  std::vector<std::int16_t> milli = {};  // by card: the smallest free fraction, in thousandths
  std::vector<std::uint16_t> kind = {};  // by card
  std::vector<CardEntry> cards = {};
  std::vector<DeviceKind> kinds = {};

  std::span<const Amounts> room_of(const NodeRow& row) const {
    return {room.data() + row.first_card, row.cards};
  }
  std::span<const std::int16_t> milli_of(const NodeRow& row) const {
    return {milli.data() + row.first_card, row.cards};
  }
  std::span<const std::uint16_t> kind_of(const NodeRow& row) const {
    return {kind.data() + row.first_card, row.cards};
  }
  std::span<const CardEntry> cards_of(const NodeRow& row) const {
    return {cards.data() + row.first_card, row.cards};
  }
};

/// The free thousandths of a card: the smallest over all dimensions but slots, which count only
/// when none is left.
inline std::int16_t free_milli(const Amounts& room, const Amounts& capacity) {
  if (room[kSlots] <= 0) return 0;
  // Both numbers are exact in a double, and their quotient is rounded correctly, so that cutting
  // off the fraction is the whole-number division, in a third of its time.
  double least = 1000.0;
  for (std::size_t i = kMemory; i < kPlaces; ++i)
    if (capacity[i] > 0) least = std::min(least, room[i] * 1000.0 / capacity[i]);
  return static_cast<std::int16_t>(std::max(least, 0.0));
}

}  // namespace melon::placement::detail

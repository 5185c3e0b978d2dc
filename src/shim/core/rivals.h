// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "shim/abi/region.h"
#include "shim/core/memory.h"

namespace melon::shim {

/// The other tenants of one device, and what they are told of this one.
///
/// Rights (weight, priority, guarantee) come from the daemon's index; pages only say what their
/// owner does right now, in times that lapse by themselves, so a dead or stopped tenant holds
/// nobody up. Pages of others are read by pread: their owner could truncate them under a mapping.
///
/// Virtual time is device time divided by weight; of those that compete, the one with the least
/// goes first (start-time fair queueing). Who comes back from idleness joins at the least of those
/// that want the device, or, if nobody does, at the most of all: idleness earns no credit, and
/// having run alone costs none.
///
/// Nothing that a page says is believed for ever. Entitled claims hold this tenant for at most a
/// second more than a multiple of what the daemon guaranteed to those who may make them; a rival
/// that is behind holds it for at most a second more than a multiple of what it caught up.
///
/// Guarded by the device's lock, except moved(). Zero-filled memory is a device without arena.
class Rivals {
 public:
  using Nanoseconds = std::uint64_t;

  /// `arena_folder` is the device's; `grant` names the own page, left out of the rivals.
  void open(const char* arena_folder, const char* grant);
  /// True when the index was published again since the last refresh(). One load. Any thread.
  bool moved() const {
    return index_ != nullptr && index_->index.generation.load(std::memory_order_relaxed) !=
                                    seen_.load(std::memory_order_relaxed);
  }
  void refresh();
  /// The index's; nullptr: there is none.
  const std::atomic<std::uint64_t>* generation() const {
    return index_ == nullptr ? nullptr : &index_->index.generation;
  }

  bool any() const { return count_ > 0; }
  bool any_above(abi::Priority priority) const;

  /// Reads the pages again unless that was just done.
  void poll(Nanoseconds now);
  bool busy_above(abi::Priority priority, Nanoseconds now) const;
  /// True while this tenant must leave the device to those within their guarantees. Asked by who
  /// waits, at every try: it counts for how long.
  bool entitled_hold(abi::Priority priority, Nanoseconds now);
  /// The device time that those who compete now by weight need to come up to `virtual_time`. Asked
  /// by who waits, at every try: it counts for how long.
  Nanoseconds behind(abi::Priority priority, Nanoseconds now, std::uint64_t virtual_time);
  /// The least virtual time of those who compete now by weight; false: nobody does.
  bool least_virtual_time(abi::Priority priority, Nanoseconds now, std::uint64_t& least) const;

  // --- the own page. All without effect when there is none.
  /// Joins the competition when the own claim has lapsed.
  void join(abi::Priority priority, Nanoseconds now);
  std::uint64_t virtual_time() const;
  void charge(std::int64_t virtual_ns);
  /// Says what this tenant does, until the given times. 0 leaves a word as it is.
  void publish(Nanoseconds entitled_until, Nanoseconds wants_until, Nanoseconds busy_until);
  /// The last publication was too long: the device is idle since now. Words that another process
  /// of the grant has written meanwhile stay.
  void shorten(Nanoseconds entitled_until, Nanoseconds wants_until, Nanoseconds busy_until);
  void raise_flag(std::uint64_t bits);

 private:
  struct Rival {
    abi::ArenaTenant right;
    std::uint64_t virtual_time;
    Nanoseconds entitled_until, wants_until, busy_until;
    std::uint64_t caught_up_to;  // the most virtual time that was paid for
    Nanoseconds held;            // for so long it held this tenant back, less what it caught up
  };

  /// Time between two tries of one wait.
  struct Wait {
    Nanoseconds tried_at;  // 0: not waiting
    /// The time since the last try; a program that did not try did not wait.
    Nanoseconds step(Nanoseconds now);
  };

  Nanoseconds interval() const;
  static bool competes(const Rival& rival, abi::Priority priority, Nanoseconds now);
  void read_page(Rival& rival, Nanoseconds now);
  void pay_back(Rival& rival, std::uint64_t floor) const;

  const abi::ArenaIndexFile* index_;
  abi::ArenaPage* page_;
  char grant_[abi::kIdBytes];
  std::atomic<std::uint64_t> seen_;
  Nanoseconds polled_at_;
  Nanoseconds said_entitled_, said_wants_, said_busy_;
  Wait for_entitled_, for_behind_;
  Nanoseconds entitled_held_;     // less what the guarantees allowed since
  Nanoseconds entitled_seen_at_;  // when that was last brought up to date
  unsigned count_;
  char folder_[kPathBytes];
  Rival rivals_[abi::kMaxTenants];
  abi::ArenaIndex copy_;  // scratch of refresh()
};

}  // namespace melon::shim

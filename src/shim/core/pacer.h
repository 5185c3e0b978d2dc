// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>
#include <atomic>
#include <cstdint>

#include "shim/abi/region.h"
#include "shim/core/attach.h"
#include "shim/core/bucket.h"
#include "shim/core/cost_table.h"
#include "shim/core/flight.h"
#include "shim/core/meter.h"
#include "shim/core/policy_view.h"
#include "shim/core/rivals.h"
#include "shim/core/turns.h"

namespace melon::shim {

/// Device time that a queue may launch between two questions to the shared state.
constexpr Nanoseconds kQuantum = 250'000;
/// What a launch is thought to cost before any of its key has finished.
constexpr Nanoseconds kUnknownCost = 1'000'000;

/// Decides when launches of this process may go to one device, and charges what they cost.
///
/// A launch passes four gates, in this order: suspension, work in flight, the grant's buckets,
/// the device's other tenants. Passing gives its queue a lease of kQuantum, within which launches
/// cost a look-up and two subtractions. Flights bring measured cost back.
///
///  P1  charged = the sum of estimates at launch, corrected to what was measured at the finish.
///  P2  ungated work in flight <= kInFlight for each process, or the fewest launches that keep the
///      device busy, plus one lease per queue. Beside a higher priority: <= kInFlightBelow, or one
///      launch, for all processes of the grant together.
///  P3  no gate holds for ever: buckets wait for the clock, the flight gate gives up on flights
///      that make no progress, rivals leave every grant 1 %.
/// Any thread; `lock_` guards all but the atomics. Zero-filled memory, then open().
class Pacer {
 public:
  struct Hold {
    enum class By { kNothing, kSuspension, kFlights, kBucket, kRivals } by = By::kNothing;
    Nanoseconds until = 0;
  };

  struct Setting {
    PolicyView* policy;
    abi::LedgerFile* ledger;
    int slot;
    unsigned device;
    const char* arena_folder;  // nullptr: none
    Nanoseconds now;
  };

  void open(const Setting& setting);
  void attach(const DeviceSource& source) { meter_.attach(source); }

  /// The usual path: false when the launch has to ask. The policy is as it was and the queue's
  /// lease covers it, or nothing limits this device.
  bool let_through(QueueState& queue, std::uint64_t key, Order order, Launch& launch) {
    if (!up_to_date()) return false;
    if (!paced_.load(std::memory_order_relaxed)) {
      return count_unlimited(queue);
    }
    if (order != Order::kInOrder || queue.lease == 0) return false;
    if (queue.lease_epoch != lease_epoch_.load(std::memory_order_relaxed)) return false;
    const CostTable::Estimate cost = costs_.find(key);
    if (cost.samples < kLearning || cost.cost_ns > queue.lease) return false;
    queue.lease -= cost.cost_ns;
    queue.uncharged += cost.cost_ns;
    note_open(queue, key, cost.cost_ns);
    launch.estimate = cost.cost_ns;
    return true;
  }

  /// Asks the gates. Nothing holds: the launch goes, `launch` is complete.
  Hold ask(QueueState& queue, std::uint64_t key, Order order, Nanoseconds now, Launch& launch);

  void cancel(const Launch& launch, QueueState& queue, Nanoseconds now);
  void close_queue(QueueState& queue, Nanoseconds now);
  void finish(Flight* flight, Nanoseconds start, Nanoseconds end, Nanoseconds now);
  void open_gate(Flight* flight, Nanoseconds now);

  bool may_have_free(std::uint64_t bytes) const { return meter_.may_have_free(bytes); }

  /// False when the policy or the arena has moved since they were taken.
  bool up_to_date() const {
    return policy_->generation() == seen_policy_.load(std::memory_order_acquire) &&
           !rivals_.moved();
  }
  bool paced() const { return paced_.load(std::memory_order_relaxed); }
  /// Takes the policy if it has moved.
  void refresh(Nanoseconds now);
  unsigned in_flight();
  /// Bumped by finishes and cancelled flights; holders wait on it.
  const std::atomic<std::uint32_t>& progress() const { return progress_; }
  bool has_waiters() const { return waiters_.load() > 0; }
  void count_waiter(int by) { waiters_.fetch_add(by); }
  void count_throttled(Nanoseconds held) { account_->throttled_ns.fetch_add(held); }
  /// Moves when the device's tenants do; nullptr: it has no arena.
  const std::atomic<std::uint64_t>* arena_generation() const { return rivals_.generation(); }
  void raise_flag(std::uint64_t bits) { rivals_.raise_flag(bits); }

 private:
  static constexpr unsigned kLearning = 4;  // first launches of a key, all measured

  struct Rules {
    abi::Share share;
    abi::Priority priority;
    std::uint32_t weight;
    bool suspended;
  };
  struct Request {
    std::uint64_t key;
    Order order;
    Nanoseconds estimate;
    unsigned samples;
    bool entitled;
  };

  static void note_open(QueueState& queue, std::uint64_t key, Nanoseconds estimate) {
    if (queue.open_launches == 0) queue.open_key = key;
    queue.open_mixed = queue.open_mixed || queue.open_key != key;
    queue.open_estimate += estimate;
    ++queue.open_launches;
    ++queue.uncounted;
  }

  void adopt_rules(Nanoseconds now);
  Hold held_by_gates(Request& request, Nanoseconds now);
  Hold held_by_flights(const Request& request, Nanoseconds now);
  Hold held_by_grant(const Request& request, Nanoseconds now);
  bool take_turn(const Request& request, Nanoseconds now);
  void tell_flights(Nanoseconds now);
  void end_turn(Nanoseconds now);
  Nanoseconds lease_at(Nanoseconds now) const;
  bool stalled(Nanoseconds now);
  Hold held_by_bucket(Request& request, Nanoseconds now) const;
  Hold held_by_rivals(const Request& request, Nanoseconds now);
  Nanoseconds rivals_hold_for(const Request& request, Nanoseconds now);

  void go(QueueState& queue, const Request& request, Nanoseconds now, Launch& launch);
  Flight* make_flight(QueueState& queue, const Request& request, Nanoseconds now);
  void count_in(const Flight& flight);
  void count_out(const Flight& flight);

  void settle_queue(QueueState& queue, Nanoseconds now);
  void count_launches(QueueState& queue);
  void charge(Nanoseconds cost, bool entitled, Nanoseconds now);
  void correct(std::int64_t difference, bool entitled, Nanoseconds now);
  std::int64_t virtual_of(std::int64_t cost) const;
  void publish(bool entitled, Nanoseconds now);
  void keep_claims(Nanoseconds now);
  void tell_pause(Nanoseconds now);
  Nanoseconds most_believed(const Flight& flight, Nanoseconds now);
  void settle_idle(Nanoseconds now);
  void add_consumed(Nanoseconds cost);
  Nanoseconds burst() const;

  PolicyView* policy_;
  abi::DeviceAccount* account_;
  std::atomic<std::uint64_t>* slot_consumed_;  // nullptr: no slot
  unsigned device_;
  std::atomic<std::uint64_t> seen_policy_;
  std::atomic<bool> paced_;
  std::atomic<unsigned> lease_epoch_;  // a hold ends the leases of all queues

  pthread_mutex_t lock_;
  Rules rules_;
  Bucket guarantee_, ceiling_;
  Meter meter_;
  FlightPool flights_;
  std::uint64_t epoch_;  // flights of an older one no longer count: they made no progress
  Nanoseconds in_flight_estimate_;
  unsigned in_flight_, unknown_in_flight_, unfinished_;
  bool awaited_;             // a launch was held by flights and has not come back yet
  Nanoseconds progress_at_;  // last finish, or first admission after idleness
  Nanoseconds largest_;      // largest recent kernel
  Turns turns_;
  bool below_;             // a grant with a higher priority may use the device
  bool joined_;            // below: other processes of the grant launch too
  std::uint64_t counted_;  // launches of this process in the ledger's counter
  std::uint64_t others_counted_;
  Nanoseconds shared_until_;  // other processes of the grant launch too
  std::atomic<std::uint32_t> progress_;
  std::atomic<int> waiters_;

  // Last, being large: each page that is touched costs a program's start.
  Rivals rivals_;
  CostTable costs_;
};

}  // namespace melon::shim

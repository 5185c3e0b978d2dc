// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a vendor's library attaches to enforcement. This core knows no vendor: a backend (OpenCL now;
// CUDA, HIP and Ascend later) intercepts its library's entry points and calls a Tenant. libc only:
// no C++ runtime, no exceptions, no thread; nothing here exits, aborts, prints, keeps a descriptor,
// or touches signals and environment. Thread-safe unless said otherwise. README.md walks through a
// backend call by call.

#include <atomic>
#include <cstdint>

#include "shim/abi/region.h"
#include "shim/core/passage.h"

namespace melon::shim {

using Nanoseconds = std::uint64_t;

/// Where time comes from. Real in a tenant; virtual where accuracy is proved.
struct Clock {
  Nanoseconds (*now)(void* context);                     // CLOCK_MONOTONIC
  void (*sleep_until)(void* context, Nanoseconds when);  // may return early
  void* context;
};
const Clock& real_clock();

/// What a backend supplies for one of its devices. Functions may be called from any thread and,
/// inside them, must not call the Tenant.
struct DeviceSource {
  /// Cumulative device time that this process has really consumed on the device, in ns (a device
  /// that is wholly busy for 1 s adds 1e9). For a CPU device: CPU time of the driver's workers
  /// divided by compute units. nullptr: the device cannot tell and cost is taken from spans.
  Nanoseconds (*consumed)(void* context);
  /// Bytes the device itself has free; nullptr: unknown. Asked when the driver has refused an
  /// allocation that the limit allows.
  std::uint64_t (*free_bytes)(void* context);
  void* context;
};

/// A piece of work that was let through and whose completion the backend reports: one launch, or
/// a run of short ones on one queue of which only the last is marked. Owned by the Tenant.
struct Flight;

/// The answer to admit(): go ahead.
struct Launch {
  unsigned device = 0;
  std::uint64_t key = 0;
  Nanoseconds estimate = 0;
  /// Set: the backend must obtain a completion notice for this launch and call finish(flight) once;
  /// it covers all earlier unmarked launches of the same queue. Null: nothing to do.
  Flight* flight = nullptr;
};

/// How a launch enters its queue.
enum class Order : std::uint8_t {
  /// Completes after all earlier launches of its queue.
  kInOrder,
  /// May overtake: always gets a flight.
  kUnordered,
  /// Can start only after something outside the device has happened: a user event, or a command
  /// that is itself gated, also one earlier in the same in-order queue. Not counted as in flight
  /// until open_gate(), charged at its end. A launch made inside a completion callback is passed as
  /// gated too (its gate opened at once): holding the driver's callback thread for a completion
  /// would wait for itself. Events of commands already on the device are no gate.
  kGated,
};

/// One queue of the program, as the backend's own record embeds it. Guarded by the backend (a
/// queue is used by one thread at a time, or under the backend's lock). Starts value-initialised;
/// its content is the Tenant's.
struct QueueState {
  Nanoseconds open_estimate = 0;  // of launches since the last flight
  Nanoseconds uncharged = 0;      // of launches let through on the lease
  Nanoseconds lease = 0;          // device time that may be launched without asking
  Nanoseconds open_since = 0;     // none of the open launches was admitted before
  std::uint64_t open_key = 0;     // the key of the open launches
  unsigned open_launches = 0;
  unsigned uncounted = 0;  // launches not yet in the ledger's counter
  unsigned track = 0;      // of its finishes; 0: none yet
  unsigned lease_epoch = 0;
  bool open_mixed = false;  // open launches differ in key
  bool entitled = false;    // the lease was given within the guarantee
};

/// Counts a launch that nothing limits. False: it has to go through Tenant::admit(), which brings
/// the count to the ledger.
inline bool count_unlimited(QueueState& queue) {
  constexpr unsigned kCountEvery = 16;
  if (queue.uncounted + 1 >= kCountEvery) return false;
  ++queue.uncounted;
  return true;
}

/// One process's view of the grant it runs in.
///
///  T1  memory in use by all processes of the grant never exceeds the limit, not for an instant.
///  T2  an unusable shared ledger means a private one with the same limits, and a flag; an
///      unusable policy (while a grant is named) means nothing is granted. Never a crash.
///  T3  admit() returns in finite time unless the grant is suspended: it waits for the clock and
///      for flights that can finish by themselves, never for gated ones.
class Tenant {
 public:
  /// Opens the grant's folder; nullptr or an empty path: no grant, everything is unlimited and
  /// untouched. Never null. Called lazily at the first use of the vendor's library, and again
  /// when stale(). Not thread-safe: the backend calls it under its own once-lock.
  static Tenant* open(const char* grant_folder, const Clock& clock);

  /// False: no grant named in the environment; backends pass every call through.
  bool active() const;
  /// True in a forked child: this Tenant and every object made under it are the parent's. The
  /// backend forgets its tables and opens a Tenant of its own. Until then reserve() refuses,
  /// release() does nothing and admit() holds nothing. One load.
  bool stale() const;
  /// Gives the process's slot back at a clean end; the Tenant must not be used afterwards. Leaving
  /// it out is safe: the dead are reaped.
  void close();

  /// The slice number for a device key, or -1: not granted, so not to be shown to the program.
  int find_device(const char* key) const;
  /// Names the sources of a granted device. Before its first admit(); not thread-safe.
  void attach(unsigned device, const DeviceSource& source);

  // --- memory: reserve before the driver is called; release when it failed or the object ends.
  /// False: over the limit after dead processes were reaped. Each object is rounded up to a
  /// granule.
  bool reserve(unsigned device, std::uint64_t bytes);
  /// Takes back one object of `bytes`, as reserved.
  void release(unsigned device, std::uint64_t bytes);
  /// The driver refused `bytes` that reserve() allowed: the device is full. Waits a moment for this
  /// process's work in flight, at whose end drivers free what it used last, and in later attempts
  /// (counted from 0), or while the device tells that it has not the room, for the driver to do so.
  /// True: another try is worth it. At most 0.4 s in all; at once false when nothing was in flight.
  /// Not in a completion callback.
  bool make_room(unsigned device, std::uint64_t bytes, unsigned attempt);
  std::uint64_t memory_limit(unsigned device) const;  // bytes
  std::uint64_t memory_used(unsigned device) const;   // bytes, all processes of the grant

  // --- compute.
  /// While it is open, a launch that count_unlimited() counts need not be admitted. Closed in a
  /// forked child. The same object for as long as the Tenant is used.
  const Passage& passage() const;
  /// The slices of the grant.
  unsigned device_count() const;
  /// Blocks until the launch may go to the driver under limit, weights, priority and suspension.
  /// `key` identifies launches of like cost (kernel, size class). Cost <= 40 ns on the usual path.
  Launch admit(unsigned device, QueueState& queue, std::uint64_t key, Order order);
  /// The same without blocking: true and a launch, or false and the time at which to ask again
  /// (sooner when a flight finishes or the policy changes).
  bool try_admit(unsigned device, QueueState& queue, std::uint64_t key, Order order, Launch& launch,
                 Nanoseconds& ask_again);
  /// The driver refused the launch: takes back its charge. The flight, if any, is void. At once,
  /// before the queue's next admit().
  void cancel(const Launch& launch, QueueState& queue);
  /// The queue ends: charges what it still owes.
  void close_queue(unsigned device, QueueState& queue);
  /// A flight's work is complete. start and end: the driver's own device timestamps of the marked
  /// launch, 0 when unknown. May be called from a driver's callback thread; does not block.
  void finish(Flight* flight, Nanoseconds start, Nanoseconds end);
  /// A gated flight's event has happened: from here on it counts as in flight.
  void open_gate(Flight* flight);
  /// True when limits make launches worth measuring (a backend may then ask for profiling).
  bool pacing(unsigned device) const;
  /// Waits until no ungated flight of the device is unfinished, at most `timeout`.
  bool drain(unsigned device, Nanoseconds timeout);

  /// What the program has used, for reports and tests. Figures of all processes of the grant.
  struct Report {
    std::uint64_t used_bytes, limit_bytes;
    Nanoseconds consumed, throttled;
    std::uint64_t launches, refusals;
  };
  Report report(unsigned device) const;
  void raise_flag(abi::ProcessFlag flag);

  struct State;

 private:
  Tenant() = default;
  State* state_ = nullptr;
};

}  // namespace melon::shim

// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a vendor's library attaches to enforcement. This core knows no vendor: a backend (OpenCL now;
// CUDA, HIP and Ascend later) intercepts its library's entry points and calls a Tenant. libc only:
// no C++ runtime, no exceptions; no thread until a limit or weight is active; nothing here exits,
// aborts, prints, or touches signals and environment. Thread-safe unless said otherwise.

#include <atomic>
#include <cstdint>

#include "shim/abi/region.h"

namespace melon::shim {

using Nanoseconds = std::uint64_t;

/// Where time comes from. Real in a tenant; virtual where accuracy is proved.
struct Clock {
  Nanoseconds (*now)(void* context);                     // CLOCK_MONOTONIC
  void (*sleep_until)(void* context, Nanoseconds when);  // may return early
  void* context;
};
const Clock& real_clock();

/// What a backend supplies for one of its devices. Functions may be called from any thread.
struct DeviceSource {
  /// Cumulative device time that this process has really consumed on the device, in ns (a device
  /// that is wholly busy for 1 s adds 1e9). For a CPU device: CPU time of the driver's workers
  /// divided by compute units. nullptr: the device cannot tell and cost is taken from spans.
  Nanoseconds (*consumed)(void* context);
  /// Bytes the device itself has free; nullptr: unknown.
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
  kInOrder,   // completes after all earlier launches of its queue
  kUnordered, // may overtake: always gets a flight
  kGated,     // waits on an event that has not happened: not counted as in flight, charged at its end
};

/// One queue of the program, as the backend's own record embeds it. Guarded by the backend (a
/// queue is used by one thread at a time, or under the backend's lock).
struct QueueState {
  Nanoseconds open_estimate = 0;   // of launches since the last flight
  unsigned open_launches = 0;
  std::uint64_t open_key = 0;      // their key; mixed keys: kMixedKey
};

/// One process's view of the grant it runs in.
///
///  T1  memory in use by all processes of the grant never exceeds the limit, not for an instant.
///  T2  an unusable shared ledger means a private one with the same limits, and a flag; an
///      unusable policy (while a grant is named) means nothing is granted. Never a crash.
///  T3  admit() returns in finite time unless the grant is suspended: it waits for the clock and
///      for flights that can finish by themselves, never for gated ones.
class Tenant {
 public:
  /// Opens the grant's folder; an empty path: no grant, everything is unlimited and untouched.
  /// Called lazily at the first use of the vendor's library, and again in a forked child.
  static Tenant* open(const char* grant_folder, const Clock& clock);

  /// False: no grant named in the environment; backends pass every call through.
  bool active() const;

  /// The slice number for a device key, or -1: not granted, so not to be shown to the program.
  int find_device(const char* key) const;
  void attach(unsigned device, const DeviceSource& source);

  // --- memory: reserve before the driver is called; commit when it succeeded, else release.
  /// False: over the limit after dead processes were reaped.
  bool reserve(unsigned device, std::uint64_t bytes);
  void release(unsigned device, std::uint64_t bytes);
  std::uint64_t memory_limit(unsigned device) const;  // bytes
  std::uint64_t memory_used(unsigned device) const;   // bytes, all processes of the grant

  // --- compute.
  /// Blocks until the launch may go to the driver under limit, weights, priority and suspension.
  /// `key` identifies launches of like cost (kernel, size class). Cost <= 40 ns on the usual path.
  Launch admit(unsigned device, QueueState& queue, std::uint64_t key, Order order);
  /// The driver refused the launch: takes back its charge. The flight, if any, is void.
  void cancel(const Launch& launch, QueueState& queue);
  /// A flight's work is complete. start and end: the driver's own device timestamps of the marked
  /// launch, 0 when unknown. May be called from a driver's callback thread; does not block.
  void finish(Flight* flight, Nanoseconds start, Nanoseconds end);
  /// A gated flight's event has happened: from here on it counts as in flight.
  void open_gate(Flight* flight);
  /// True when limits make launches worth measuring (a backend may then ask for profiling).
  bool pacing(unsigned device) const;
  /// Waits until no ungated flight of the device is unfinished, at most `timeout`.
  bool drain(unsigned device, Nanoseconds timeout);

  /// What the program has used, for reports and tests.
  struct Report {
    std::uint64_t used_bytes, limit_bytes;
    Nanoseconds consumed, throttled;
    std::uint64_t launches, refusals;
  };
  Report report(unsigned device) const;
  void raise_flag(abi::ProcessFlag flag);

 private:
  Tenant() = default;
  struct State;
  State* state_ = nullptr;
};

}  // namespace melon::shim

// SPDX-License-Identifier: Apache-2.0
#pragma once

// The shared memory between the agent and the processes of its tenants. Layout only; ledger.h has
// the operations on it. Freestanding: libc, no C++ runtime, no exceptions.
//
// Files of one grant, below <state>/grants/<id>/ (0755, owned by the daemon's user):
//   policy     PolicyFile, 0444, the daemon writes: limits. Tenants map it read-only.
//   ledger     LedgerFile, 0600, owned by the tenant: what is really used, and the compute bucket.
//   private/   0700, owned by the tenant: exit status and logs, written by the CLI.
// Files of one device, below <state>/arena/<number>/ (0755, the daemon's):
//   index      ArenaIndexFile, 0444, the daemon writes: who shares this device and with what right.
//   <grant id> ArenaPage, 0644, owned by its tenant: what the others must know of it right now.
//              Others read it with pread, never by mapping: its owner could truncate it.

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace melon::abi {

constexpr std::uint32_t kVersion = 1;  // a file of another version is not used
constexpr std::uint64_t kPolicyMagic = 0x31594c50'4e4c454dULL;  // "MELNPLY1"
constexpr std::uint64_t kLedgerMagic = 0x31474c44'4e4c454dULL;  // "MELNDLG1"
constexpr std::uint64_t kArenaMagic = 0x314e5241'4e4c454dULL;   // "MELNARN1"
constexpr std::uint64_t kGranule = 4096;  // memory is counted in granules; each object rounds up

constexpr unsigned kMaxDevices = 16;     // slices of one grant
constexpr unsigned kMaxProcesses = 512;  // of one grant; the next is refused its allocations
constexpr unsigned kLanes = 4;           // concurrent memory operations of one process, per device
constexpr unsigned kMaxTenants = 2048;   // of one device
constexpr std::size_t kKeyBytes = 256;   // device_key.h
constexpr std::size_t kIdBytes = 24;     // a grant's id with its terminating zero
constexpr std::uint64_t kMaxGranules = (std::uint64_t{1} << 30) - 1;  // countable on one device

/// The environment variable of a tenant's process that names its grant's folder.
constexpr char kGrantVariable[] = "MELON_GRANT";

enum class Share : std::uint32_t { kHard = 0, kWeighted = 1, kBurst = 2 };
enum class Priority : std::uint32_t { kLow = 0, kNormal = 1, kHigh = 2 };

/// The limits on one device.
struct DevicePolicy {
  char key[kKeyBytes];               // which device, by its own properties
  char arena[kIdBytes];              // the folder below arena/
  std::uint64_t memory_granules;     // the limit
  std::uint32_t guarantee_permille;  // hard: the cap. burst: the guarantee. weighted: 0
  std::uint32_t ceiling_permille;    // never above this; 1000: no ceiling
  std::uint32_t weight;
  Share share;
  Priority priority;
  std::uint32_t reserved[5];
};

/// The limits of one grant.
struct Policy {
  char grant[kIdBytes];
  std::uint32_t device_count;
  std::uint32_t suspended;  // 1: hold every launch
  DevicePolicy devices[kMaxDevices];
};

/// A value that one writer publishes and any number of readers take whole, although the writer may
/// die at any instruction: it fills the copy that nobody reads, then bumps the generation. Copy
/// (generation & 1) is the valid one. Readers take it again if the generation moved meanwhile.
/// Readers may wait on the low half of the generation with FUTEX_WAIT (shared); the writer wakes.
template <class T>
struct Published {
  std::atomic<std::uint64_t> generation;
  T copies[2];
};

struct PolicyFile {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t bytes;  // sizeof(PolicyFile)
  alignas(64) Published<Policy> policy;
};

/// What one process tells the others of its grant beside a higher priority. Only its process writes
/// it; a time in the past means "no", so a dead or stopped process holds nobody up for long.
struct Turn {
  std::atomic<std::uint64_t> in_flight;    // {believed until, in 2^20 ns : 44 | in 2^10 ns : 20}
  std::atomic<std::uint64_t> waits_since;  // CLOCK_MONOTONIC ns
  std::atomic<std::uint64_t> waits_until;
};

/// One lane: one in-process writer at a time (a lock in the process guards it; whoever reaps a dead
/// process becomes the writer). See ledger.h for the protocol.
struct alignas(64) Lane {
  std::atomic<std::uint64_t> intent;   // {signed granules : 41 | sequence : 23}
  std::atomic<std::uint64_t> applied;  // {signed granules : 41 | sequence : 23}
  std::atomic<std::uint64_t> helped;   // {version : 41 | sequence : 23}, written by others
  Turn turn;                           // of lane 0 alone, which stands for its process
  std::uint64_t unused[2];
};
static_assert(sizeof(Lane) == 64);

/// One process of the grant. `owner` is the whole identity in one word, so that one
/// compare-and-swap claims a slot and death at any instruction leaves it readable:
/// {0 free | 1 live | 2 reaping : 2 bits} {start time in clock ticks : 38} {pid : 24}; while
/// reaping, pid, start time and namespace are the reaper's. A free slot's lanes hold nothing, and
/// its sequences go on where the last owner left them.
struct alignas(64) ProcessSlot {
  std::atomic<std::uint64_t> owner;
  std::atomic<std::uint64_t> pid_namespace;  // inode of /proc/self/ns/pid; 0: not yet written
  std::atomic<std::uint64_t> image;          // of Identity; 0: not yet written or unknown
  std::atomic<std::uint64_t> merge;          // a reaper's log: {sum of lanes : 41 | device + 1}
  std::atomic<std::uint64_t> flags;          // ProcessFlag bits, for the agent
  std::atomic<std::uint64_t> consumed_ns[kMaxDevices];  // device time, cumulative, for display
  Lane lanes[kMaxDevices][kLanes];
};

/// What a process tells the agent about itself.
enum ProcessFlag : std::uint64_t {
  kFlagPrivateLedger = 1,  // the shared ledger was unusable; limits are kept by this process alone
  kFlagTooManyProcesses = 2,
  kFlagNoTimer = 4,        // the device tells no cost; it is taken from when launches finish
  kFlagUnknownSymbol = 8,  // the program asked for a function that may escape the limits
};

/// One device of the grant, on its own cache lines.
struct alignas(64) DeviceAccount {
  /// {granules used : 30 | slot * kLanes + lane : 11 | sequence : 23}
  std::atomic<std::uint64_t> used;
  /// The starvation guard of all processes: {next window in us : 53 | left of this in us : 11}; 0:
  /// nothing holds the grant.
  std::atomic<std::uint64_t> guard;
  std::atomic<std::uint64_t> turn;  // moves when a process takes a turn, see Turn
  std::uint64_t unused0[5];
  /// The compute buckets, each one word (virtual scheduling): the time in CLOCK_MONOTONIC ns at
  /// which the grant has paid for all it ran. [0] refills at the guarantee, [1] at the ceiling.
  std::atomic<std::int64_t> paid_until[2];
  std::atomic<std::uint64_t> consumed_ns;  // device time of all processes, dead ones too
  std::atomic<std::uint64_t> launches;
  std::atomic<std::uint64_t> refusals;      // allocations refused by the limit
  std::atomic<std::uint64_t> throttled_ns;  // time that launches were held
  /// The refill rate in which paid_until[] is expressed; whoever changes it rescales the debt, so
  /// that a new limit does not have to wait for what was owed at the old one. 0: not yet used.
  std::atomic<std::uint64_t> rate_permille[2];
};

struct LedgerFile {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t bytes;  // sizeof(LedgerFile)
  char grant[kIdBytes];
  std::atomic<std::uint64_t> flags;       // ProcessFlag bits of processes that hold no slot
  std::atomic<std::uint32_t> slot_bound;  // no slot at or above it was ever claimed
  std::uint32_t unused;
  alignas(64) DeviceAccount devices[kMaxDevices];
  ProcessSlot slots[kMaxProcesses];
};
static_assert(sizeof(LedgerFile) <= 4u << 20);

/// One tenant of a device, as the daemon admits it. Rights come from here, never from the tenant's
/// own page.
struct ArenaTenant {
  char grant[kIdBytes];
  std::uint32_t weight;
  Share share;
  Priority priority;
  std::uint32_t guarantee_permille;
};

struct ArenaIndex {
  std::uint32_t count;
  std::uint32_t reserved;
  ArenaTenant tenants[kMaxTenants];
};

struct ArenaIndexFile {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t bytes;
  alignas(64) Published<ArenaIndex> index;
};

/// What the others on a device must know of one tenant. Times are CLOCK_MONOTONIC ns; a time in
/// the past means "no", so a dead or stopped tenant holds nobody up.
struct ArenaPage {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t bytes;
  std::atomic<std::uint64_t> virtual_time;  // ns of device time divided by weight (weight 100 = 1)
  std::atomic<std::uint64_t> entitled_until;  // wants the device within its guarantee
  std::atomic<std::uint64_t> wants_until;     // wants more than that, by weight
  std::atomic<std::uint64_t> busy_until;      // has work on the device: holds lower priorities
  std::atomic<std::uint64_t> flags;           // ProcessFlag bits, also when there is no ledger
  std::uint64_t unused[1];
};

}  // namespace melon::abi

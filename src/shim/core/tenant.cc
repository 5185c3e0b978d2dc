// SPDX-License-Identifier: Apache-2.0
// The attach interface: finds the grant, counts memory, and blocks launches until they may go.

#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "shim/abi/ledger.h"
#include "shim/core/attach.h"
#include "shim/core/futex.h"
#include "shim/core/grant_files.h"
#include "shim/core/memory.h"
#include "shim/core/pacer.h"
#include "shim/core/policy_view.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

namespace melon::shim {

/// What a forked child must not take over: a page that the kernel wipes there.
struct OwnPage {
  std::atomic<std::uint32_t> alive;  // 1; 0 in any child, however it was forked
  alignas(64) Passage passage;
};

/// All of it lives in zero-filled mapped memory: no constructor runs, no destructor either.
struct Tenant::State {
  Tenant tenant;
  Clock clock;
  bool real_time;
  GrantFiles files;
  PolicyView policy;
  int slot;
  abi::Identity self;
  OwnPage* own;
  long pid_where_not_wiped;  // kernels before 4.14 cannot; 0 elsewhere
  Pacer* pacers[abi::kMaxDevices];
  struct alignas(64) LaneLock {
    std::atomic<bool> taken;
  } lanes[abi::kMaxDevices][abi::kLanes];
};

namespace {

using State = Tenant::State;

/// Wake-ups of a held launch, so that a changed policy is seen although nothing else happens.
constexpr Nanoseconds kLongestWait = 20'000'000;
constexpr Nanoseconds kLongestSuspension = 100'000'000;
/// How long an allocation may wait for work that holds memory of a full device.
constexpr Nanoseconds kLongestDrain = 200'000'000;
/// Drivers tell of a command's end before they free what it used.
constexpr unsigned kRoomAttempts = 5;
constexpr Nanoseconds kRoomPause = 500'000;  // doubled at each

std::uint64_t granules_of(std::uint64_t bytes) {
  return bytes / abi::kGranule + (bytes % abi::kGranule != 0 ? 1 : 0);
}

void guard_forks(State& state) {
  auto* const page = static_cast<OwnPage*>(map_anonymous(sizeof(OwnPage)));
  const int saved = errno;
  if (page == nullptr || madvise(page, sizeof(OwnPage), MADV_WIPEONFORK) != 0)
    state.pid_where_not_wiped = syscall(SYS_getpid);
  errno = saved;
  if (page != nullptr) page->alive.store(1);
  state.own = page;
}

/// <grant>/../../arena/<name>, or nothing where the device has no arena.
bool arena_folder(char (&out)[kPathBytes], const char* grant_folder, const char* name) {
  char root[kPathBytes];
  const bool named = name[0] != 0 && std::strchr(name, '/') == nullptr;
  return named && join_path(root, grant_folder, "../../arena") && join_path(out, root, name);
}

void open_pacer(State& state, const char* grant_folder, unsigned device) {
  auto* const pacer = static_cast<Pacer*>(map_anonymous(sizeof(Pacer)));
  if (pacer == nullptr) return;
  char arena[kPathBytes];
  const bool shared =
      arena_folder(arena, grant_folder, state.policy.opened().devices[device].arena);
  pacer->open({.policy = &state.policy,
               .ledger = state.files.ledger,
               .slot = state.slot,
               .device = device,
               .arena_folder = shared ? arena : nullptr,
               .now = state.clock.now(state.clock.context)});
  state.pacers[device] = pacer;
}

Nanoseconds now_of(const State& state) { return state.clock.now(state.clock.context); }

bool is_stale(const State& state) {
  if (state.own == nullptr && state.pid_where_not_wiped == 0) return false;
  if (state.pid_where_not_wiped != 0) return syscall(SYS_getpid) != state.pid_where_not_wiped;
  return state.own->alive.load(std::memory_order_relaxed) == 0;
}

/// Watches all that could limit a device. Not where a fork would carry an open passage along.
void lay_passage(State& state) {
  if (state.own == nullptr || state.pid_where_not_wiped != 0) return;
  for (const Pacer* const pacer : state.pacers)
    if (pacer != nullptr && pacer->arena_generation() != nullptr)
      state.own->passage.watch(pacer->arena_generation());
  if (state.files.policy_file != nullptr)
    state.own->passage.watch(&state.files.policy_file->policy.generation);
}

/// Opens the passage if no device is limited.
void open_passage(State& state, Nanoseconds now) {
  if (state.own == nullptr || state.pid_where_not_wiped != 0) return;
  Passage& passage = state.own->passage;
  const std::uint64_t sum = passage.now();
  for (Pacer* const pacer : state.pacers) {
    if (pacer == nullptr) continue;
    pacer->refresh(now);
    if (pacer->paced()) return;
  }
  passage.open_at(sum);
}

/// Where the calling thread starts to look for a lane.
unsigned first_lane() {
  static thread_local char anchor __attribute__((tls_model("initial-exec")));
  return static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(&anchor) >> 12) % abi::kLanes;
}

/// One lane of a device, for the length of one operation.
class LaneHeld {
 public:
  /// Any lane: threads start at different ones and move on when one is taken, so that also a signal
  /// handler that interrupts an operation finds another.
  LaneHeld(State& state, unsigned device) : locks_(state.lanes[device]) {
    const unsigned start = first_lane();
    for (unsigned i = 0;; ++i) {
      lane_ = (start + i) % abi::kLanes;
      if (try_lock()) return;
      if (i % abi::kLanes == abi::kLanes - 1) sched_yield();
    }
  }
  ~LaneHeld() { locks_[lane_].taken.store(false, std::memory_order_release); }
  LaneHeld(const LaneHeld&) = delete;
  LaneHeld& operator=(const LaneHeld&) = delete;
  unsigned lane() const { return lane_; }

 private:
  bool try_lock() { return !locks_[lane_].taken.exchange(true, std::memory_order_acquire); }

  State::LaneLock (&locks_)[abi::kLanes];
  unsigned lane_ = 0;
};

bool reserve_once(State& state, unsigned device, std::uint64_t granules) {
  const LaneHeld held(state, device);
  return abi::reserve(*state.files.ledger, device, static_cast<unsigned>(state.slot), held.lane(),
                      granules, state.policy.memory_granules(device));
}

/// Frees what the process's dead left. Not when the program closed the ledger's descriptor: who
/// lives in another pid namespace cannot be told then; the agent reaps twice a second anyway.
bool reap(State& state) {
  const int fd = state.files.checked_fd();
  if (fd < 0 && !state.files.private_ledger) return false;
  return abi::reap_dead(*state.files.ledger, fd, state.self) > 0;
}

/// Any lane frees what another reserved: only the sum of the lanes counts.
void release_granules(State& state, unsigned device, std::uint64_t granules) {
  const LaneHeld lane(state, device);
  abi::release(*state.files.ledger, device, static_cast<unsigned>(state.slot), lane.lane(),
               granules);
}

/// Sleeps until a launch that is held may ask again.
void wait_for(State& state, Pacer& pacer, const Pacer::Hold& hold, std::uint32_t progress,
              std::uint64_t generation) {
  if (!state.real_time) return state.clock.sleep_until(state.clock.context, hold.until);
  const Nanoseconds until = std::min(hold.until, now_of(state) + kLongestWait);
  if (hold.by == Pacer::Hold::By::kSuspension)
    return state.policy.wait_for_change(generation, kLongestSuspension);
  pacer.count_waiter(1);
  wait_on(&pacer.progress(), progress, until);
  pacer.count_waiter(-1);
}

}  // namespace

Tenant* Tenant::open(const char* grant_folder, const Clock& clock) {
  static Tenant none;
  if (grant_folder == nullptr || grant_folder[0] == 0) return &none;
  auto* const state = static_cast<State*>(map_anonymous(sizeof(State)));
  if (state == nullptr || !state->files.open(grant_folder)) {
    // Not even a page of memory: nothing can be granted. A state without devices says so.
    static State nothing;
    nothing.slot = abi::kNoSlot;
    nothing.tenant.state_ = &nothing;
    return &nothing.tenant;
  }
  state->clock = clock;
  state->real_time = clock.sleep_until == real_clock().sleep_until;
  guard_forks(*state);
  state->policy.open(state->files.policy_file);
  state->self = abi::self_identity();
  state->slot = abi::claim_slot(*state->files.ledger, state->self, state->files.ledger_fd);
  for (unsigned i = 0; i < state->policy.device_count(); ++i) open_pacer(*state, grant_folder, i);
  state->tenant.state_ = state;
  lay_passage(*state);
  open_passage(*state, now_of(*state));
  if (state->files.private_ledger) state->tenant.raise_flag(abi::kFlagPrivateLedger);
  if (state->slot == abi::kNoSlot) state->tenant.raise_flag(abi::kFlagTooManyProcesses);
  return &state->tenant;
}

bool Tenant::active() const { return state_ != nullptr; }

bool Tenant::stale() const { return state_ != nullptr && is_stale(*state_); }

const Passage& Tenant::passage() const {
  static const Passage kClosed{};
  return state_ == nullptr || state_->own == nullptr ? kClosed : state_->own->passage;
}

unsigned Tenant::device_count() const {
  return state_ == nullptr ? 0 : state_->policy.device_count();
}

void Tenant::close() {
  if (state_ == nullptr || stale() || state_->slot < 0) return;
  abi::release_slot(*state_->files.ledger, static_cast<unsigned>(state_->slot), state_->self,
                    state_->files.checked_fd());
  state_->slot = abi::kNoSlot;
}

int Tenant::find_device(const char* key) const {
  if (state_ == nullptr) return -1;
  const abi::Policy& policy = state_->policy.opened();
  for (unsigned i = 0; i < state_->policy.device_count(); ++i)
    if (state_->pacers[i] != nullptr &&
        std::strncmp(policy.devices[i].key, key, abi::kKeyBytes) == 0)
      return static_cast<int>(i);
  return -1;
}

void Tenant::attach(unsigned device, const DeviceSource& source) {
  if (state_ != nullptr && device < abi::kMaxDevices && state_->pacers[device] != nullptr)
    state_->pacers[device]->attach(source);
}

bool Tenant::reserve(unsigned device, std::uint64_t bytes) {
  if (state_ == nullptr) return true;
  State& state = *state_;
  if (device >= abi::kMaxDevices || state.slot < 0 || is_stale(state))
    return false;  // fails closed
  const std::uint64_t granules = granules_of(bytes);
  if (reserve_once(state, device, granules)) return true;
  if (reap(state) && reserve_once(state, device, granules)) return true;
  state.files.ledger->devices[device].refusals.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void Tenant::release(unsigned device, std::uint64_t bytes) {
  if (state_ == nullptr) return;
  State& state = *state_;
  if (device >= abi::kMaxDevices || state.slot < 0 || is_stale(state)) return;
  release_granules(state, device, granules_of(bytes));
}

bool Tenant::make_room(unsigned device, std::uint64_t bytes, unsigned attempt) {
  if (state_ == nullptr || device >= abi::kMaxDevices || is_stale(*state_)) return false;
  Pacer* const pacer = state_->pacers[device];
  if (pacer == nullptr || (attempt == 0 && pacer->in_flight() == 0)) return false;
  if (attempt == 0) drain(device, kLongestDrain);
  // Drivers free what a command used some time after they tell of its end.
  for (; attempt <= kRoomAttempts; ++attempt) {
    if (attempt > 0)
      state_->clock.sleep_until(state_->clock.context, now_of(*state_) + (kRoomPause << attempt));
    if (pacer->may_have_free(bytes)) return true;
  }
  return false;
}

std::uint64_t Tenant::memory_limit(unsigned device) const {
  if (state_ == nullptr || device >= abi::kMaxDevices) return 0;
  return state_->policy.memory_granules(device) * abi::kGranule;
}

std::uint64_t Tenant::memory_used(unsigned device) const {
  if (state_ == nullptr || state_->files.ledger == nullptr || device >= abi::kMaxDevices) return 0;
  return abi::used_granules(*state_->files.ledger, device) * abi::kGranule;
}

Launch Tenant::admit(unsigned device, QueueState& queue, std::uint64_t key, Order order) {
  Launch launch = {.device = device, .key = key};
  if (state_ == nullptr || device >= abi::kMaxDevices) return launch;
  Pacer* const pacer = state_->pacers[device];
  if (pacer == nullptr || pacer->let_through(queue, key, order, launch)) return launch;
  State& state = *state_;
  Nanoseconds now = now_of(state);
  const Nanoseconds asked = now;
  while (!is_stale(state)) {
    const std::uint32_t progress = pacer->progress().load();
    const std::uint64_t generation = state.policy.generation();
    const Pacer::Hold hold = pacer->ask(queue, key, order, now, launch);
    if (hold.by == Pacer::Hold::By::kNothing) break;
    wait_for(state, *pacer, hold, progress, generation);
    now = now_of(state);
  }
  if (now != asked) pacer->count_throttled(now - asked);
  if (!pacer->paced() && !passage().open()) open_passage(state, now);
  return launch;
}

bool Tenant::try_admit(unsigned device, QueueState& queue, std::uint64_t key, Order order,
                       Launch& launch, Nanoseconds& ask_again) {
  launch = {.device = device, .key = key};
  if (state_ == nullptr || device >= abi::kMaxDevices || is_stale(*state_)) return true;
  Pacer* const pacer = state_->pacers[device];
  if (pacer == nullptr || pacer->let_through(queue, key, order, launch)) return true;
  const Pacer::Hold hold = pacer->ask(queue, key, order, now_of(*state_), launch);
  ask_again = hold.until;
  return hold.by == Pacer::Hold::By::kNothing;
}

void Tenant::cancel(const Launch& launch, QueueState& queue) {
  if (state_ == nullptr || launch.device >= abi::kMaxDevices || is_stale(*state_)) return;
  if (Pacer* const pacer = state_->pacers[launch.device]; pacer != nullptr) {
    pacer->cancel(launch, queue, now_of(*state_));
    if (pacer->has_waiters()) wake_all(&pacer->progress());
  }
}

void Tenant::close_queue(unsigned device, QueueState& queue) {
  if (state_ == nullptr || device >= abi::kMaxDevices || is_stale(*state_)) return;
  if (Pacer* const pacer = state_->pacers[device]; pacer != nullptr)
    pacer->close_queue(queue, now_of(*state_));
}

void Tenant::finish(Flight* flight, Nanoseconds start, Nanoseconds end) {
  if (state_ == nullptr || flight == nullptr || is_stale(*state_)) return;
  Pacer* const pacer = state_->pacers[flight->device];
  pacer->finish(flight, start, end, now_of(*state_));
  if (pacer->has_waiters()) wake_all(&pacer->progress());
}

void Tenant::open_gate(Flight* flight) {
  if (state_ == nullptr || flight == nullptr || is_stale(*state_)) return;
  state_->pacers[flight->device]->open_gate(flight, now_of(*state_));
}

bool Tenant::pacing(unsigned device) const {
  if (state_ == nullptr || device >= abi::kMaxDevices) return false;
  Pacer* const pacer = state_->pacers[device];
  if (pacer == nullptr) return false;
  if (!pacer->up_to_date()) pacer->refresh(now_of(*state_));
  return pacer->paced();
}

bool Tenant::drain(unsigned device, Nanoseconds timeout) {
  if (state_ == nullptr || device >= abi::kMaxDevices || state_->pacers[device] == nullptr)
    return true;
  Pacer& pacer = *state_->pacers[device];
  const Nanoseconds until = now_of(*state_) + timeout;
  for (;;) {
    const std::uint32_t progress = pacer.progress().load();
    if (pacer.in_flight() == 0) return true;
    if (now_of(*state_) >= until) return false;
    wait_for(*state_, pacer, {Pacer::Hold::By::kFlights, until}, progress, 0);
  }
}

Tenant::Report Tenant::report(unsigned device) const {
  if (state_ == nullptr || state_->files.ledger == nullptr || device >= abi::kMaxDevices) return {};
  const abi::DeviceAccount& account = state_->files.ledger->devices[device];
  return {.used_bytes = memory_used(device),
          .limit_bytes = memory_limit(device),
          .consumed = account.consumed_ns.load(std::memory_order_relaxed),
          .throttled = account.throttled_ns.load(std::memory_order_relaxed),
          .launches = account.launches.load(std::memory_order_relaxed),
          .refusals = account.refusals.load(std::memory_order_relaxed)};
}

void Tenant::raise_flag(abi::ProcessFlag flag) {
  if (state_ == nullptr || state_->files.ledger == nullptr || is_stale(*state_)) return;
  State& state = *state_;
  if (state.slot >= 0)
    state.files.ledger->slots[state.slot].flags.fetch_or(flag);
  else
    state.files.ledger->flags.fetch_or(flag);
  for (Pacer* const pacer : state.pacers)
    if (pacer != nullptr) pacer->raise_flag(flag);
}

}  // namespace melon::shim

// SPDX-License-Identifier: Apache-2.0
// A tenant's beginning and end: finds the grant, opens its files, tells what was used.

#include <sys/mman.h>
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "shim/core/memory.h"
#include "shim/core/tenant_state.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

namespace melon::shim {
namespace {

using State = Tenant::State;

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

/// Watches all that could limit a device. Not where a fork would carry an open passage along.
void lay_passage(State& state) {
  if (state.own == nullptr || state.pid_where_not_wiped != 0) return;
  for (const Pacer* const pacer : state.pacers)
    if (pacer != nullptr && pacer->arena_generation() != nullptr)
      state.own->passage.watch(pacer->arena_generation());
  if (state.files.policy_file != nullptr)
    state.own->passage.watch(&state.files.policy_file->policy.generation);
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

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "shim/core/attach.h"
#include "shim/opencl/lock.h"

namespace melon::shim {

/// This process's tenancy, from the first OpenCL call on.
///
/// A fork must not carry it along: the child has its own slot in the ledger and none of the
/// parent's threads, and locks held by others would stay held. So the session lives in a page that
/// the kernel wipes in a forked child (MADV_WIPEONFORK), also after a raw fork system call.
///  S1  a session that is not `ready` is opened again before anything is read from it.
///  S2  nothing of an earlier session (epoch) is released into a later one.
struct Session {
  std::uint32_t ready;
  std::uint32_t epoch;
  Tenant* tenant;  // null: no grant, everything passes
  Lock opening;
  Lock handles;  // insertions into handle tables
  Lock gates;
  Lock workers;
  Lock svm;
  Lock attaching;
  std::uint32_t attached;    // slices whose device source is named; set under `attaching`
  std::uint32_t processors;  // those of them that are CPU devices; set before `attached`
};

extern std::atomic<Session*> session_page;
extern std::atomic<int> session_pid;  // set only where the kernel cannot wipe pages on fork
Session* open_session();

/// The session; opens it when needed. Never null.
inline Session* session() {
  Session* const page = session_page.load(std::memory_order_acquire);
  const bool usable = page != nullptr && session_pid.load(std::memory_order_relaxed) == 0 &&
                      __atomic_load_n(&page->ready, __ATOMIC_ACQUIRE) != 0;
  return __builtin_expect(usable, 1) ? page : open_session();
}

/// The tenant, or null when no grant is named: then every call passes untouched.
inline Tenant* tenant() { return session()->tenant; }

/// The tenant's passage, without a look at the session: before there is one, and in a forked child
/// until it opens its own, it is closed.
extern std::atomic<const Passage*> session_passage;
inline const Passage& passage() { return *session_passage.load(std::memory_order_acquire); }
/// The grant has one slice, so whatever passes is that one's.
extern std::atomic<bool> has_one_slice;

/// Raises a flag of this process, at once or when the session opens. Opens none.
void raise_flag(abi::ProcessFlag flag);

/// For tests that prove accuracy: another clock than the real one. Before the first call.
void use_clock(const Clock& clock);

}  // namespace melon::shim

// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which process this is, and whether another one is gone, as /proc tells it.

#include <atomic>
#include <cstdint>

namespace melon::abi {

/// A process, as slots name it.
struct Identity {
  std::uint32_t pid = 0;
  std::uint64_t start_ticks = 0;    // clock ticks after boot; 0: unknown
  std::uint64_t pid_namespace = 0;  // inode; 0: unknown
  /// Where its stack began at exec (/proc/PID/stat, field 28). Differs after an exec, which ends a
  /// program and its memory but neither pid nor start time. 0: unknown.
  std::uint64_t image = 0;
};

/// This process. Fields are 0 where /proc cannot be read, except pid.
Identity self_identity();

enum class Liveness { kAlive, kDead, kUnknown };

/// Whether /proc counts pids as this process does: a host's, mounted into a container, or none at
/// all does not.
enum class ProcView { kOwn, kForeign };
ProcView proc_view();

/// What /proc says of a process of this process's own pid namespace: dead when its pid is free or
/// another start time's, when it is a zombie with no live thread, or when it runs another image.
/// kUnknown where /proc is absent, hidden, or another namespace's.
Liveness liveness(const Identity& identity, ProcView proc = proc_view());

/// True when the process is gone. False when in doubt.
bool is_dead(const Identity& identity);

/// A word that is 1 in the process that made it and 0 in its children, also in those of a raw fork
/// that runs no handlers (MADV_WIPEONFORK). nullptr where the kernel cannot (before 4.14): compare
/// pids then. Each call makes another, one page; unmap_fork_mark() gives it back.
const std::atomic<std::uint32_t>* make_fork_mark();
void unmap_fork_mark(const std::atomic<std::uint32_t>* mark);

}  // namespace melon::abi

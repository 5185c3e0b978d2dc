// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace melon::os {

/// The whole content of a regular file, also of those in /proc whose size says 0. Empty when it
/// cannot be read at once: it is a pipe, a link, a device, or its owner holds a lease on it, so
/// that no path that others may write blocks the caller. `at_most` bounds what is read.
std::optional<std::string> read_file(const std::string& path, std::size_t at_most = 1 << 24);

/// The processes of this machine, from /proc, in no order.
std::vector<int> process_ids();

/// What /proc/PID/stat says of a process, as far as Melon needs it.
struct ProcessStat {
  std::string name;                // the kernel's 15 characters
  char state = '?';                // R, S, Z, ...
  int parent = 0;                  // its pid
  std::uint64_t start_ticks = 0;   // since boot; with the pid it names one process for ever
  std::uint64_t cpu_ticks = 0;     // user and system time
  std::uint64_t memory_bytes = 0;  // virtual; 0 for zombies and the kernel's own
};

/// Empty when there is no such process.
std::optional<ProcessStat> process_stat(int pid);

/// The real user of a process; empty when it is gone.
std::optional<std::uint32_t> process_user(int pid);

/// A process of another pid namespace, as a container's are.
struct NamespacedProcess {
  int pid = 0;                      // as this process counts
  int inner_pid = 0;                // as its own namespace counts
  std::uint64_t pid_namespace = 0;  // inode
};

/// The inode of a process's pid namespace; 0 when it is gone or not ours to look at.
std::uint64_t pid_namespace(int pid);

/// The processes of all other pid namespaces that /proc shows. Reads two files of each process.
std::vector<NamespacedProcess> processes_of_other_namespaces();

/// What of its memory is in the machine's own, without what files back; what was swapped out does
/// not count. Everybody may ask. Empty when it is gone.
std::optional<std::uint64_t> resident_bytes(int pid);

/// Its arguments joined by spaces; the kernel's name in brackets where there are none.
std::string process_command(int pid);

}  // namespace melon::os

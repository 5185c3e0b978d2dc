// SPDX-License-Identifier: Apache-2.0
#pragma once

// Publishing and reading of Published<T> values (region.h): policies and arena indexes. One writer
// per value; it may die at any instruction and readers still see the last whole value. Readers are
// bounded. Any thread, any process.

#include <cstdint>

#include "shim/abi/region.h"

namespace melon::abi {

/// Makes `value` the one that readers get from now on, and wakes those that wait. Text fields end
/// with a zero and counts are in range, or readers refuse the value.
void publish(PolicyFile& file, const Policy& value);
void publish(ArenaIndexFile& file, const ArenaIndex& value);

/// Takes a whole copy. False: the content is not one that publish() leaves (a foreign file, a count
/// out of range, unterminated text), or the writer was faster 64 times. `generation`, when asked
/// for, is the copy's: wait_for_change() returns once there is a newer one. Tenants beyond an
/// index's count are left as they were in `value`.
bool read_published(const PolicyFile& file, Policy& value, std::uint64_t* generation = nullptr);
bool read_published(const ArenaIndexFile& file, ArenaIndex& value,
                    std::uint64_t* generation = nullptr);

/// The generation of the valid copy: cheap enough to look at before every launch.
inline std::uint64_t current_generation(const PolicyFile& file) {
  return file.policy.generation.load(std::memory_order_acquire);
}
inline std::uint64_t current_generation(const ArenaIndexFile& file) {
  return file.index.generation.load(std::memory_order_acquire);
}

/// Sleeps until the policy's generation is another one than `generation`, a signal arrives, or
/// `timeout_ns` have passed. A read-only mapping is enough.
void wait_for_change(const PolicyFile& file, std::uint64_t generation, std::uint64_t timeout_ns);

/// True when header and sizes are those of this version.
bool is_usable(const PolicyFile& file, std::uint64_t file_bytes);
bool is_usable(const ArenaIndexFile& file, std::uint64_t file_bytes);

}  // namespace melon::abi

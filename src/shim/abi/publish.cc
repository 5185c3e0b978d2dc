// SPDX-License-Identifier: Apache-2.0
// Two copies and a generation: values that are taken whole although their writer may die.

#include "shim/abi/publish.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shim/abi/fault_point.h"

namespace melon::abi {
namespace {

constexpr int kMaxReads = 64;
constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the futex is the generation's low half");

using Word = std::uint64_t;

// Word by word and atomically: a reader may look while the next value but one is written, sees by
// the generation that it did, and takes the value again. Release and acquire on each word: whoever
// reads a word of that later value also sees that the generation moved.
template <class T>
void store_words(T& to, const T& from) {
  static_assert(sizeof(T) % sizeof(Word) == 0);
  auto* const out = reinterpret_cast<char*>(&to);
  const auto* const in = reinterpret_cast<const char*>(&from);
  for (std::size_t at = 0; at < sizeof(T); at += sizeof(Word)) {
    Word word;
    memcpy(&word, in + at, sizeof word);
    __atomic_store_n(reinterpret_cast<Word*>(out + at), word, __ATOMIC_RELEASE);
  }
}

void load_words(void* to, const void* from, std::size_t begin, std::size_t end) {
  auto* const out = static_cast<char*>(to);
  const auto* const in = static_cast<const char*>(from);
  for (std::size_t at = begin; at < end; at += sizeof(Word)) {
    const Word word = __atomic_load_n(reinterpret_cast<const Word*>(in + at), __ATOMIC_ACQUIRE);
    memcpy(out + at, &word, sizeof word);
  }
}

void load(Policy& to, const Policy& from) { load_words(&to, &from, 0, sizeof from); }

// An index has room for far more tenants than there mostly are, and each page of it that is touched
// costs a program's start.
void load(ArenaIndex& to, const ArenaIndex& from) {
  constexpr std::size_t kFirst = offsetof(ArenaIndex, tenants);
  static_assert(kFirst == sizeof(Word) && sizeof(ArenaTenant) % sizeof(Word) == 0);
  load_words(&to, &from, 0, kFirst);
  if (to.count <= kMaxTenants)
    load_words(&to, &from, kFirst, kFirst + to.count * sizeof(ArenaTenant));
}

template <class T>
const std::uint32_t* futex_of(const Published<T>& value) {
  return reinterpret_cast<const std::uint32_t*>(&value.generation);
}

template <class T>
void put(Published<T>& to, const T& value) {
  static_assert(offsetof(Published<T>, copies) % alignof(Word) == 0);
  const std::uint64_t next = to.generation.load(std::memory_order_relaxed) + 1;
  store_words(to.copies[next & 1], value);
  MELON_FAULT_POINT("publish.before");
  to.generation.store(next, std::memory_order_release);
  MELON_FAULT_POINT("publish.after");
  const int saved = errno;
  syscall(SYS_futex, futex_of(to), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  errno = saved;
}

/// False when the writer was always faster.
template <class T>
bool take(const Published<T>& from, T& value, std::uint64_t* generation) {
  for (int i = 0; i < kMaxReads; ++i) {
    const std::uint64_t before = from.generation.load(std::memory_order_acquire);
    load(value, from.copies[before & 1]);
    if (from.generation.load(std::memory_order_relaxed) != before) continue;
    if (generation != nullptr) *generation = before;
    return before != 0;  // 0: nothing was ever published
  }
  return false;
}

template <std::size_t size>
bool is_terminated(const char (&text)[size]) {
  return memchr(text, 0, size) != nullptr;
}

bool is_valid(Share share) { return share <= Share::kBurst; }
bool is_valid(Priority priority) { return priority <= Priority::kHigh; }

bool is_valid(const DevicePolicy& device) {
  return is_terminated(device.key) && is_terminated(device.arena) && is_valid(device.share) &&
         is_valid(device.priority);
}

bool is_valid(const Policy& policy) {
  if (policy.device_count > kMaxDevices || !is_terminated(policy.grant)) return false;
  for (std::uint32_t i = 0; i < policy.device_count; ++i)
    if (!is_valid(policy.devices[i])) return false;
  return true;
}

bool is_valid(const ArenaIndex& index) {
  if (index.count > kMaxTenants) return false;
  for (std::uint32_t i = 0; i < index.count; ++i) {
    const ArenaTenant& tenant = index.tenants[i];
    if (!is_terminated(tenant.grant) || !is_valid(tenant.share) || !is_valid(tenant.priority))
      return false;
  }
  return true;
}

template <class File>
bool has_header(const File& file, std::uint64_t magic, std::uint64_t file_bytes) {
  return file_bytes >= sizeof(File) && file.magic == magic && file.version == kVersion &&
         file.bytes == sizeof(File);
}

}  // namespace

void publish(PolicyFile& file, const Policy& value) { put(file.policy, value); }
void publish(ArenaIndexFile& file, const ArenaIndex& value) { put(file.index, value); }

bool read_published(const PolicyFile& file, Policy& value, std::uint64_t* generation) {
  return take(file.policy, value, generation) && is_valid(value);
}

bool read_published(const ArenaIndexFile& file, ArenaIndex& value, std::uint64_t* generation) {
  return take(file.index, value, generation) && is_valid(value);
}

void wait_for_change(const PolicyFile& file, std::uint64_t generation, std::uint64_t timeout_ns) {
  if (current_generation(file) != generation) return;
  const timespec timeout{static_cast<time_t>(timeout_ns / kNanosecondsPerSecond),
                         static_cast<long>(timeout_ns % kNanosecondsPerSecond)};
  const int saved = errno;
  syscall(SYS_futex, futex_of(file.policy), FUTEX_WAIT, static_cast<std::uint32_t>(generation),
          &timeout, nullptr, 0);
  errno = saved;
}

bool is_usable(const PolicyFile& file, std::uint64_t file_bytes) {
  return has_header(file, kPolicyMagic, file_bytes);
}

bool is_usable(const ArenaIndexFile& file, std::uint64_t file_bytes) {
  return has_header(file, kArenaMagic, file_bytes);
}

}  // namespace melon::abi

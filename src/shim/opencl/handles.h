// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdlib.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdint>

#include "shim/opencl/session.h"

namespace melon::shim {

/// What we know of the program's OpenCL handles of one kind (devices, contexts, queues). Entries
/// are never removed: a handle that is made anew at an address replaces what was known of the old
/// one, so the table is no larger than the number of addresses that handles ever had.
/// Reading takes no lock. A record is written by the call that creates its handle, before the
/// program can know the handle.
template <class Handle, class Record>
class HandleTable {
 public:
  Record* find(Handle handle) const {
    for (Node* node = bucket(handle).load(std::memory_order_acquire); node != nullptr;
         node = node->next)
      if (node->handle == handle) return &node->record;
    return nullptr;
  }

  /// The record of a handle, made if there is none. Null: out of memory.
  Record* insert(Handle handle) {
    const Guard guard(session()->handles);
    if (Record* const known = find(handle); known != nullptr) return known;
    auto* const node = static_cast<Node*>(calloc(1, sizeof(Node)));
    if (node == nullptr) return nullptr;
    node->handle = handle;
    node->next = bucket(handle).load(std::memory_order_relaxed);
    bucket(handle).store(node, std::memory_order_release);
    return &node->record;
  }

  /// Calls visit(handle, record) for each until it returns false.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& head : buckets_)
      for (Node* node = head.load(std::memory_order_acquire); node != nullptr; node = node->next)
        if (!visit(node->handle, node->record)) return;
  }

 private:
  struct Node {
    Handle handle;
    Node* next;
    Record record;
  };
  static constexpr unsigned kBits = 9;

  std::atomic<Node*>& bucket(Handle handle) const {
    const auto value = reinterpret_cast<std::uintptr_t>(handle);
    const std::uint64_t mixed = (value >> 4) * 0x9e3779b97f4a7c15ULL;
    return buckets_[mixed >> (64 - kBits)];
  }

  mutable std::atomic<Node*> buckets_[1U << kBits];
};

/// A pool of records of one type, with a free list that needs no lock. T has `index` and `next`
/// (std::atomic<uint32_t>). Memory is taken in chunks and kept.
template <class T>
class Slab {
 public:
  /// Null: out of memory. The record's content is what the last user left.
  T* take() {
    std::uint64_t head = head_.load(std::memory_order_acquire);
    while (low(head) != 0) {
      T* const record = at(low(head));
      const std::uint64_t next = record->next.load(std::memory_order_relaxed);
      const std::uint64_t wanted = (head & ~kLow) + kTag + next;
      if (head_.compare_exchange_weak(head, wanted, std::memory_order_acquire)) return record;
    }
    return grow();
  }

  void give(T* record) {
    std::uint64_t head = head_.load(std::memory_order_relaxed);
    do {
      record->next.store(low(head), std::memory_order_relaxed);
    } while (!head_.compare_exchange_weak(head, (head & ~kLow) + kTag + record->index,
                                          std::memory_order_release));
  }

 private:
  static constexpr std::uint32_t kChunk = 512;
  static constexpr std::uint32_t kChunks = 16384;  // 8 million records
  static constexpr std::uint64_t kLow = 0xffffffffULL;
  static constexpr std::uint64_t kTag = kLow + 1;

  static std::uint32_t low(std::uint64_t word) { return static_cast<std::uint32_t>(word & kLow); }
  T* at(std::uint32_t index) const {
    return &chunks_[index / kChunk].load(std::memory_order_acquire)[index % kChunk];
  }

  T* grow() {
    const std::uint32_t number = count_.fetch_add(1, std::memory_order_relaxed);
    if (number >= kChunks) return nullptr;
    void* const memory = mmap(nullptr, sizeof(T) * kChunk, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    T* const records = static_cast<T*>(memory);
    chunks_[number].store(records, std::memory_order_release);
    // Index 0 means "none", so the first record of the first chunk is never used.
    for (std::uint32_t i = 0; i < kChunk; ++i) records[i].index = number * kChunk + i;
    for (std::uint32_t i = 2; i < kChunk; ++i) give(&records[i]);
    return &records[1];
  }

  std::atomic<std::uint64_t> head_;  // {tag : 32 | index : 32}
  std::atomic<std::uint32_t> count_;
  std::atomic<T*> chunks_[kChunks];
};

}  // namespace melon::shim

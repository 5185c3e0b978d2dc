// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace melon::placement {

/// What a device has, dimension by dimension. Slots are how many slices a device may hold; memory
/// is in MiB; compute in whatever unit the vendor counts (permille, cores). Extra dimensions
/// belong to the vendor (AI-CPU, CU, ...), in the order of its descriptor.
///
/// The last one is no number: a device that is cut in hardware has places, and each bit stands for
/// one. No two slices have a place in common, so that sums of them are unions, and what is left is
/// what is free.
enum Dimension : std::size_t { kSlots, kMemory, kCompute, kFirstExtra };
inline constexpr std::size_t kDimensions = 8;
inline constexpr std::size_t kPlaces = kDimensions - 1;
inline constexpr std::size_t kExtraDimensions = kPlaces - kFirstExtra;

/// The further dimensions of devices that keep classes of users apart: how many there are of each.
/// What is neither online nor offline, and neither of fixed nor of burst share, is counted by
/// slots.
enum ClassDimension : std::size_t { kOnline = kFirstExtra, kOffline, kFixedShare, kBurstShare };

/// The largest amount of any dimension; events and requests beyond it are refused where they enter.
/// Half of what the type holds, so that one sum of two never overflows.
inline constexpr std::int32_t kMostAmount = std::numeric_limits<std::int32_t>::max() / 2;

/// Subtracted from the slots of a card that may not be used: nothing fits, sums stay right. No
/// amount that is announced is larger.
inline constexpr std::int32_t kUnusable = kMostAmount / 2;

/// One number per dimension, small enough that a card's room is half a cache line.
struct alignas(16) Amounts {
  std::array<std::int32_t, kDimensions> of{};

  std::int32_t operator[](std::size_t dimension) const { return of[dimension]; }
  std::int32_t& operator[](std::size_t dimension) { return of[dimension]; }

  Amounts& operator+=(const Amounts& other) {
    for (std::size_t i = 0; i < kDimensions; ++i) of[i] += other.of[i];
    return *this;
  }
  Amounts& operator-=(const Amounts& other) {
    for (std::size_t i = 0; i < kDimensions; ++i) of[i] -= other.of[i];
    return *this;
  }
  friend Amounts operator+(const Amounts& a, const Amounts& b) {
    Amounts sum = a;
    return sum += b;
  }
  friend Amounts operator-(const Amounts& a, const Amounts& b) {
    Amounts rest = a;
    return rest -= b;
  }
  bool operator==(const Amounts&) const = default;

  /// Whether every dimension is at most the other's.
  bool fits_in(const Amounts& room) const {
    std::int32_t missing = 0;
    for (std::size_t i = 0; i < kDimensions; ++i) missing |= room.of[i] - of[i];
    return missing >= 0;
  }
};

/// The larger of each dimension; of places, all that either has.
inline Amounts largest_of(const Amounts& a, const Amounts& b) {
  Amounts most;
  for (std::size_t i = 0; i < kPlaces; ++i) most.of[i] = std::max(a.of[i], b.of[i]);
  most.of[kPlaces] = a.of[kPlaces] | b.of[kPlaces];
  return most;
}

/// What a node has beside its devices, and what a pod takes of it.
struct HostAmounts {
  std::int64_t cpu_milli = 0;
  std::int64_t memory_mib = 0;
  std::int64_t pods = 0;
  std::int64_t ephemeral_mib = 0;

  HostAmounts& operator+=(const HostAmounts& other) {
    cpu_milli += other.cpu_milli;
    memory_mib += other.memory_mib;
    pods += other.pods;
    ephemeral_mib += other.ephemeral_mib;
    return *this;
  }
  HostAmounts& operator-=(const HostAmounts& other) {
    cpu_milli -= other.cpu_milli;
    memory_mib -= other.memory_mib;
    pods -= other.pods;
    ephemeral_mib -= other.ephemeral_mib;
    return *this;
  }
  bool operator==(const HostAmounts&) const = default;

  /// Who asks for none fits where more is taken than there is.
  bool fits_in(const HostAmounts& room) const {
    // Without branches: on a full cluster nobody can guess which of them is short.
    const int missing = static_cast<int>(is_short(cpu_milli, room.cpu_milli)) |
                        static_cast<int>(is_short(memory_mib, room.memory_mib)) |
                        static_cast<int>(is_short(pods, room.pods)) |
                        static_cast<int>(is_short(ephemeral_mib, room.ephemeral_mib));
    return missing == 0;
  }
  static bool is_short(std::int64_t asked, std::int64_t room) {
    return asked > std::max<std::int64_t>(room, 0);
  }
};

/// The larger of each.
inline HostAmounts largest_of(const HostAmounts& a, const HostAmounts& b) {
  return {.cpu_milli = std::max(a.cpu_milli, b.cpu_milli),
          .memory_mib = std::max(a.memory_mib, b.memory_mib),
          .pods = std::max(a.pods, b.pods),
          .ephemeral_mib = std::max(a.ephemeral_mib, b.ephemeral_mib)};
}

}  // namespace melon::placement

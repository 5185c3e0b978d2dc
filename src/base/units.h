// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>

namespace melon {

/// An integer that knows its unit. Units do not mix, and nothing converts to or from a plain
/// integer by accident. No overflow checks: parsers bound every input to 2^40.
template <class Unit>
class Quantity {
 public:
  constexpr Quantity() = default;
  constexpr explicit Quantity(std::int64_t count) : count_(count) {}
  constexpr std::int64_t count() const { return count_; }
  constexpr auto operator<=>(const Quantity&) const = default;
  constexpr Quantity operator+(Quantity other) const { return Quantity(count_ + other.count_); }
  constexpr Quantity operator-(Quantity other) const { return Quantity(count_ - other.count_); }
  constexpr Quantity& operator+=(Quantity other) { return *this = *this + other; }
  constexpr Quantity& operator-=(Quantity other) { return *this = *this - other; }

 private:
  std::int64_t count_ = 0;
};

using MiB = Quantity<struct MiBUnit>;            // 2^20 bytes of device memory
using Permille = Quantity<struct PermilleUnit>;  // thousandths of one device's compute

constexpr Permille kWholeDevice{1000};

}  // namespace melon

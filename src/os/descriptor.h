// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

namespace melon::os {

/// Owns one open file descriptor and closes it. Move-only; empty when it owns none.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, kNone)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }

  explicit operator bool() const { return number_ != kNone; }
  int number() const { return number_; }
  /// Gives the descriptor away: the caller closes it.
  int release() { return std::exchange(number_, kNone); }
  void reset();

 private:
  static constexpr int kNone = -1;  // what open(2) and its kin answer when they fail
  int number_ = kNone;
};

}  // namespace melon::os

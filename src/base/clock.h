// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace melon {

/// The two times a daemon needs: wall time to show and store, steady time to measure with. Passed
/// in, so that tests turn the hands themselves. Thread-safe.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  /// Milliseconds since 1970; may jump when somebody sets the machine's clock.
  virtual std::int64_t unix_ms() const = 0;
  /// Nanoseconds since an arbitrary start (CLOCK_MONOTONIC on a real machine); never goes back.
  virtual std::int64_t steady_ns() const = 0;
};

/// The machine's own clocks.
class SystemClock final : public Clock {
 public:
  std::int64_t unix_ms() const override {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  }
  std::int64_t steady_ns() const override {
    using namespace std::chrono;
    return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
  }
};

/// A clock that moves only when told to.
class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(std::int64_t start_unix_ms = 1'700'000'000'000) : start_(start_unix_ms) {}
  std::int64_t unix_ms() const override { return start_ + stepped_ms_ + steady_ns() / 1'000'000; }
  std::int64_t steady_ns() const override { return passed_ns_.load(); }
  void advance(std::chrono::nanoseconds by) { passed_ns_ += by.count(); }
  /// Somebody sets the wall clock; no time passes.
  void step_wall(std::chrono::milliseconds by) { stepped_ms_ += by.count(); }

 private:
  const std::int64_t start_;
  std::atomic<std::int64_t> stepped_ms_{0};
  std::atomic<std::int64_t> passed_ns_{0};
};

}  // namespace melon

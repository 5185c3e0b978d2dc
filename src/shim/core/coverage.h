// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

namespace melon::shim {

/// Which stretches of device time are already paid for. Spans of concurrent queues overlap; the
/// device was busy only once. Remembers the 16 latest stretches; guarded by the device's lock.
/// Zero-filled memory is an empty one.
class Coverage {
 public:
  /// Adds [begin, end) and returns how much of it was not covered before.
  std::uint64_t add(std::uint64_t begin, std::uint64_t end) {
    if (end <= begin) return 0;
    std::uint64_t fresh = end - begin;
    unsigned kept = 0;
    for (unsigned i = 0; i < count_; ++i) {
      const Span span = spans_[i];
      if (span.end < begin || end < span.begin) {
        spans_[kept++] = span;
        continue;
      }
      fresh -= std::min(span.end, end) - std::max(span.begin, begin);
      begin = std::min(begin, span.begin);
      end = std::max(end, span.end);
    }
    count_ = kept;
    if (count_ == kSpans) forget_oldest();
    spans_[count_++] = {begin, end};
    return fresh;
  }

 private:
  static constexpr unsigned kSpans = 16;
  struct Span {
    std::uint64_t begin, end;
  };

  void forget_oldest() {
    unsigned oldest = 0;
    for (unsigned i = 1; i < count_; ++i)
      if (spans_[i].end < spans_[oldest].end) oldest = i;
    spans_[oldest] = spans_[--count_];
  }

  Span spans_[kSpans];
  unsigned count_;
};

}  // namespace melon::shim

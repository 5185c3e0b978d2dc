// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace melon::placement::detail {

/// Which nodes changed, in order, so that a reader who comes back looks at those only.
///  I1  a node's latest change is in the log, or the log is shorter than the reader's absence.
///  I2  the log holds at most kShortest entries, or two for each node if that is more.
class ChangeLog {
 public:
  void note(std::uint32_t node) {
    if (node >= latest_.size()) latest_.resize(node + 1, 0);
    if (entries_.size() >= limit()) forget_half();
    entries_.push_back(node);
    latest_.at(node) = end();
  }

  /// The position after the last change.
  std::uint64_t end() const { return begin_ + entries_.size(); }

  /// Calls f(node) once for each node that changed at or after `since`; false when that is further
  /// back than the log goes, and f was not called.
  template <class F>
  bool for_each_since(std::uint64_t since, F f) const {
    if (since < begin_) return false;
    for (std::uint64_t at = since; at < end(); ++at) {
      const std::uint32_t node = entries_[static_cast<std::size_t>(at - begin_)];
      if (latest_[node] == at + 1) f(node);
    }
    return true;
  }

 private:
  static constexpr std::size_t kShortest = 1U << 12U;
  std::size_t limit() const { return std::max(kShortest, latest_.size() * 2); }
  void forget_half() {
    const std::size_t half = entries_.size() / 2;
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(half));
    begin_ += half;
  }

  std::vector<std::uint32_t> entries_;
  std::vector<std::uint64_t> latest_;  // by node: the position after its last change
  std::uint64_t begin_ = 0;
};

}  // namespace melon::placement::detail

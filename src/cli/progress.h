// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <iosfwd>
#include <string>

namespace melon::cli {

/// Shows on a terminal for how long something is waited for, on one line of standard error that
/// goes with this object. Elsewhere it says nothing. Not thread-safe.
class Progress {
 public:
  /// `doing` is a sentence without its dot: `web-1 is ending`.
  Progress(std::ostream& err, std::string doing);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Called again and again while waiting; what takes no second stays unseen.
  void show();
  /// Takes the line away, before something else is said.
  void hide();

 private:
  std::ostream& err_;
  std::string doing_;
  bool terminal_;
  std::chrono::seconds shown_{0};
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace melon::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/session.h"

namespace melon::cli {

/// Bears with a daemon that goes away: one that ends is mostly started again soon, and then goes on
/// with what was there. Says once on standard error that it waits, unless it is `silent`: then its
/// owner says so. Not thread-safe.
class Patience {
 public:
  static constexpr const char* kAway = "the daemon has gone; waiting for it to come back";

  explicit Patience(const Session& session, bool silent = false)
      : session_(session), silent_(silent) {}

  /// The daemon answers.
  void is_back() { away_since_.reset(); }
  /// After a call failed: success when it is worth trying again a little later. Errors: `error`
  /// itself, when the daemon is there, or has been away for five minutes.
  Result<> bear(const Error& error);

 private:
  const Session& session_;
  bool silent_;
  std::optional<std::chrono::steady_clock::time_point> away_since_;
};

/// Reads one thing again and again from a daemon that may be away for a while. Not thread-safe.
class PatientReader {
 public:
  /// `target` is the path of a GET.
  PatientReader(const Session& session, std::string target)
      : session_(session), target_(std::move(target)), patience_(session) {}

  /// It as it is now; empty: the daemon is away. Errors: the daemon's; as Patience::bear().
  Result<std::optional<Json>> read();

 private:
  const Session& session_;
  std::string target_;
  Patience patience_;
};

}  // namespace melon::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/grant_book.h"
#include "base/result.h"

namespace melon::agent {

/// A year: of waiting for room, and of a grant's life without a process.
constexpr int kLongestSeconds = 31'536'000;
constexpr int kLongestGraceSeconds = 3600;

/// The body of POST /v1/grants; the owner is not in it.
struct GrantRequestBody {
  NewGrant wanted = {};
  int waiter_pid = 0;  // 0: none
  bool dry_run = false;
};

/// Which process ended, and how.
struct ExitBody {
  int pid = 0;
  int exit_code = 0;  // as a shell counts it, 128 + signal

  bool operator==(const ExitBody&) const = default;
};

struct StopBody {
  int grace_seconds = 10;
  bool force = false;
};

/// Readers of request bodies, in the shapes of api/openapi.yaml. An unknown field is an error, so
/// that a misspelt one is not silently without effect. Errors: kInvalidArgument naming the field,
/// the rule and what is accepted.
Result<GrantRequestBody> parse_grant_request(std::string_view body);
Result<GrantChange> parse_grant_change(std::string_view body);
/// {"pid": N}
Result<int> parse_process(std::string_view body);
/// {"pid": N, "exit_code": N} or {"pid": N, "signal": N}
Result<ExitBody> parse_exit(std::string_view body);
/// An empty body means the defaults, here and below.
Result<StopBody> parse_stop(std::string_view body);
/// {"stop_all": BOOL}
Result<bool> parse_shutdown(std::string_view body);

/// "true" or "false" of the query; absent is false. Errors: kInvalidArgument.
Result<bool> parse_switch(const std::map<std::string, std::string>& query, const std::string& name);

}  // namespace melon::agent

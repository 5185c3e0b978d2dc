// SPDX-License-Identifier: Apache-2.0
// The one table of exit codes, and which error becomes which.
#include "cli/exit_code.h"

#include <array>

namespace melon::cli {
namespace {

constexpr std::string_view kOthers = "all but run, exec";
constexpr std::string_view kRunners = "run, exec";

constexpr std::array<ExitCodeRow, 11> kRows = {{
    {"0", kOthers, "done"},
    {"1", kOthers, "failed; the message says why and what to do"},
    {"2", kOthers, "usage: an argument is missing, unknown or not accepted"},
    {"3", kOthers, "not found: no such workload, device or vendor"},
    {"4", kOthers, "does not fit, or conflicts with what is there (`run --dry-run` too)"},
    {"5", kOthers, "no daemon answers on the socket"},
    {"0 to 255", kRunners, "the program's own status"},
    {"125", kRunners, "Melon's own failure: refused, no daemon, wrong usage"},
    {"126", kRunners, "the program was found but cannot be executed"},
    {"127", kRunners, "the program was not found"},
    {"128 + N", kRunners, "the program was ended by signal N"},
}};

}  // namespace

std::span<const ExitCodeRow> exit_codes() { return kRows; }

int to_exit_code(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return kUsage;
    case Code::kNotFound:
      return kNotFound;
    case Code::kAlreadyExists:
    case Code::kResourceExhausted:
    case Code::kFailedPrecondition:
      return kConflict;
    case Code::kUnavailable:
      return kNoDaemon;
    case Code::kPermissionDenied:
    case Code::kUnimplemented:
    case Code::kInternal:
      return kFailed;
  }
  return kFailed;
}

}  // namespace melon::cli

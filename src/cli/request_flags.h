// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "cli/session.h"

namespace melon::cli {

/// What a person asks for, as typed. `run` takes all of it, `set` the changeable half.
struct RequestFlags {
  std::optional<std::string> memory;
  std::optional<std::string> compute;
  std::optional<std::string> share;
  std::optional<int> weight;
  std::optional<std::string> max;
  std::optional<std::string> priority;
  // `run` only:
  std::optional<int> count;
  std::optional<std::string> device;
  std::optional<std::string> type;
  bool unenforced = false;
};

/// The parameters that fill the flags. The flags outlive the parse.
std::vector<Parameter> changeable_parameters(RequestFlags& flags);
std::vector<Parameter> placing_parameters(RequestFlags& flags);

/// The body of a grant request, or of a change. Quantities are checked here already, so that the
/// message comes without a daemon; what rounding made of them is told on the session's error
/// stream. Errors: kInvalidArgument.
Result<Json> to_body(const RequestFlags& flags, Session& session);

}  // namespace melon::cli

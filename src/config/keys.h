// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/daemon_config.h"
#include "config/document.h"

namespace melon::config {

/// One key of a configuration: the only place that knows its name, meaning and conversion.
template <class Target>
struct Key {
  std::string_view name;
  std::string_view type;  // for people: "path", "percentage", "duration", ...
  std::string_view text;  // what it means, one sentence
  /// Reads the value. Errors: kInvalidArgument without a place; the caller adds it.
  Result<> (*read)(Target& target, const Document& value);
  /// The value as it would be written; empty when it is not set.
  std::string (*write)(const Target& target);
};

/// The keys at the top of the file.
std::span<const Key<DaemonConfig>> daemon_keys();
/// The keys below `limits`, and below each user of `users`.
std::span<const Key<UserLimits>> limit_keys();

/// docs/reference/configuration.md: every key with type, default and meaning.
std::string reference_page();

}  // namespace melon::config

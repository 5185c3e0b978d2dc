// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "vendors/registration_rule.h"

namespace melon::annotations {

/// Who binds on a node, as compatible plugins write it: "TIME,NAMESPACE,POD", or a time alone.
struct NodeLock {
  std::int64_t unix_seconds = 0;
  std::string namespace_name = {};
  std::string pod = {};

  bool operator==(const NodeLock&) const = default;
};

std::string encode_node_lock(const NodeLock& lock, vendors::LockKind kind);

/// Errors: kInvalidArgument.
Result<NodeLock> decode_node_lock(std::string_view text);

/// Free: take it. Own: this pod has it already. Held: another pod has it and it has not expired.
enum class LockAnswer { kFree, kOwn, kHeld };

/// Whether the pod that holds a lock is still there, as far as the asker knows.
enum class LockHolder { kThere, kGone };

/// Whether `asker` may bind on a node with this lock; one that has expired, can not be read or
/// whose holder is gone is free. Only who gets kOwn may take the lock away again.
LockAnswer ask_lock(const std::optional<std::string>& annotation, const vendors::Lock& rule,
                    const NodeLock& asker, LockHolder holder = LockHolder::kThere);

/// A time of RFC 3339 with any zone, as Unix seconds. Errors: kInvalidArgument.
Result<std::int64_t> parse_zoned_time(std::string_view text);

}  // namespace melon::annotations

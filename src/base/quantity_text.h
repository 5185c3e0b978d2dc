// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/units.h"

namespace melon {

/// An amount of memory as a person writes it: absolute, or a share of whatever device it lands on.
struct MemoryAmount {
  MiB absolute = {};                       // used when of_device is empty
  std::optional<Permille> of_device = {};  // "25%" = 250 permille

  /// The amount on a device of this size; a share is rounded down to MiB, but never below 1 MiB.
  MiB on(MiB device_memory) const;
  bool operator==(const MemoryAmount&) const = default;
};

/// Parses "512MiB", "512Mi", "0.5GiB", "2G" (decimal, as in Kubernetes), "4096" (MiB) or "25%".
/// Suffixes: k M G T (decimal), Ki Mi Gi Ti and KiB MiB GiB TiB (binary), in this spelling; "MB"
/// and its like are refused, because people mean either. Rounded up to MiB (the caller echoes what
/// it became). Smallest 1 MiB (or 0.1%), largest 2^40 MiB; percentages in steps of 0.1. Errors:
/// kInvalidArgument naming the text, the rule and what is accepted.
Result<MemoryAmount> parse_memory(std::string_view text);

/// Parses "25%" or "12.5%" into permille: 0.1 % to 100 %. A plain number is refused, because "25"
/// could mean percent, permille or cores. Errors: kInvalidArgument.
Result<Permille> parse_compute(std::string_view text);

/// Parses "150%" into permille, in steps of 0.1% up to `largest`; `what` opens the message.
/// For sums over devices and overcommit. Errors: kInvalidArgument.
Result<Permille> parse_percentage(std::string_view what, std::string_view text, Permille largest);

/// "512 MiB", "1.5 GiB": for people; exact (falls back to MiB when a fraction would be lost).
std::string to_text(MiB memory);
/// "25%", "12.5%".
std::string to_text(Permille compute);
/// As above, whichever of the two it is; parse_memory() reads it back.
std::string to_text(const MemoryAmount& memory);

}  // namespace melon

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/session.h"
#include "cli/table.h"

namespace melon::cli {

/// Grants as rows, one for each slice (the workload's own columns only on its first). Ages are
/// counted from `now_unix_ms`.
Table grant_table(const Json& grants, std::int64_t now_unix_ms);

/// "12s", "4m", "3h", "5d" since then; "-" for what is no time.
std::string age_text(const std::string& rfc3339, std::int64_t now_unix_ms);

/// "1.5 GiB" of MiB and "25%" of permille; "-" for what is absent.
std::string memory_text(std::optional<std::int64_t> mib);
std::string compute_text(std::optional<std::int64_t> permille);

/// The compute that a slice books: "25%", or "none" (a weighted share).
std::string booked_text(const Json& slice);

/// What a slice may use of compute: "25%", "25-60%", "weight 100".
std::string share_text(const Json& slice);

Tone state_tone(const std::string& state);

/// The wall clock.
std::int64_t now_unix_ms();

/// The grant and the device with the documented keys (cli/json_shapes.h) first, in their order;
/// what is absent is null.
Json documented_grant(const Json& grant);
Json documented_device(const Json& device);

}  // namespace melon::cli

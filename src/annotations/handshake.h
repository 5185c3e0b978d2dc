// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace melon::annotations {

/// What a node's handshake means for its devices.
struct Aliveness {
  bool healthy = true;        // its devices count
  bool needs_update = false;  // ask the plugin again: write handshake_request()

  bool operator==(const Aliveness&) const = default;
};

/// The time that is around the reader of handshakes.
struct HandshakeClock {
  std::int64_t unix_seconds = 0;
  std::int64_t utc_offset_seconds = 0;  // of the writer's local time
};

/// "Requesting_2026-01-31 12:00:00", in the writer's local time.
std::string handshake_request(const HandshakeClock& clock);

/// Judges a handshake annotation, absent or not, by HAMi's rules: a request that nobody answered
/// for 60 s means gone where the node's count of that resource is 0 too; anything but a fresh
/// request or deletion is asked again. Times may be local ("2006-01-02 15:04:05", "2006.01.02
/// 15:04:05") or RFC 3339; one that cannot be read counts as fresh.
Aliveness judge_handshake(const std::optional<std::string>& value, std::int64_t allocatable,
                          const HandshakeClock& clock);

/// The same where the count that the node had before is known: what vanished is gone at once, what
/// changed is read again.
Aliveness judge_counts(std::int64_t allocatable, std::int64_t allocatable_before,
                       const Aliveness& by_handshake);

}  // namespace melon::annotations

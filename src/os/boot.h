// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace melon::os {

/// Milliseconds since the machine booted, sleep included: one scale for every process until the
/// next boot, whatever is done to the wall clock. Thread-safe.
std::int64_t since_boot_ms();

/// Names this run of the machine; another after every boot. Empty when the kernel does not tell.
std::string boot_id();

}  // namespace melon::os

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "placement/place.h"

namespace melon::placement {

/// Why a request is where it is, in a sentence with figures: what it leaves free there, what it
/// would leave elsewhere, and what is against the others. `devices` without what the request itself
/// has booked, as they are now: where something else would be chosen now, it says so. Pure.
std::string explain_choice(std::span<const DeviceState> devices, const core::Request& request,
                           const Limits& limits, const Placement& placement);

}  // namespace melon::placement

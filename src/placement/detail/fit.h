// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <variant>
#include <vector>

#include "placement/place.h"

namespace melon::placement::detail {

/// place(), but devices named in `reserved` are refused by the rule "queue".
std::variant<Placement, Refusal> place_around(std::span<const DeviceState> devices,
                                              const core::Request& request, const Limits& limits,
                                              std::span<const std::string> reserved);

/// The ids of all devices that could hold a slice of the request if nothing were booked on them;
/// a device that is unhealthy or held now may be well again by then, so it counts. Empty when they
/// are fewer than the request needs: it can never start, so nothing delays it.
std::vector<std::string> usable_devices(std::span<const DeviceState> devices,
                                        const core::Request& request, const Limits& limits);

}  // namespace melon::placement::detail

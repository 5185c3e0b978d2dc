// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "core/request.h"
#include "placement/detail/selection.h"
#include "placement/explain.h"
#include "placement/refusal.h"

namespace melon::placement::detail {

/// The rules by which a device refuses a slice of a request, in the words of a single machine.
std::vector<Rejection> in_words(const DeviceAnswer& answer, const core::Request& request,
                                const DeviceState& state, const Limits& limits);

/// What is wrong with the request as a whole, where that is not said device by device. `fitting`:
/// devices that it fits.
std::optional<Rejection> as_a_whole(const Selection& selection, const core::Request& request,
                                    std::size_t fitting);

}  // namespace melon::placement::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "placement/pickers/runs.h"
#include "vendors/selection_rule.h"

namespace melon::placement::pickers {

/// Indices of `count` free devices on two wings of Picker::wing_size devices, where i is linked to
/// i + wing_size: all of both wings; else of one wing, preferring what leaves no part of a wing
/// behind (free numbers count, count + 1, ...; for one device 1, 3, 2, 4), left wing first; else
/// two that are linked, or one of Picker::quads, with six free one that leaves a linked pair.
/// Nothing when no such set is free, or `free` has fewer indices than the wings.
std::optional<std::vector<std::size_t>> pick_on_wings(const FreeByIndex& free, std::size_t count,
                                                      const vendors::Picker& picker);

/// All sets that may be taken, the pick first: within one wing any, of both only linked pairs, the
/// quads, or all. For whoever has to leave room for another request.
std::vector<std::vector<std::size_t>> sets_on_wings(const FreeByIndex& free, std::size_t count,
                                                    const vendors::Picker& picker);

/// How broken up the wings are when these indices are in use: 0 for nothing in use is 1, a full
/// wing adds 0, a wing with one in use 2, any other 1. What the bubble score compares.
std::int64_t bubbles(std::span<const std::size_t> used, std::int64_t wing_size);

}  // namespace melon::placement::pickers

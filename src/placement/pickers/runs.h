// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace melon::placement::pickers {

/// Whether the device at each index of a node is free; absent indices are not.
using FreeByIndex = std::vector<bool>;

/// The first index, `from` or later, of `count` free neighbours that begins at a multiple of
/// `count`; nothing when `counts` does not have `count`.
std::optional<std::size_t> aligned_run(const FreeByIndex& free, std::size_t count,
                                       std::span<const std::int64_t> counts, std::size_t from = 0);

/// The first index, `from` or later, of `count` free neighbours; with `wraps` index 0 follows the
/// last.
std::optional<std::size_t> ring_run(const FreeByIndex& free, std::size_t count, bool wraps,
                                    std::size_t from = 0);

}  // namespace melon::placement::pickers

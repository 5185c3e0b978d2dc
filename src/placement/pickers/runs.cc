// SPDX-License-Identifier: Apache-2.0
// Neighbouring devices.
#include "placement/pickers/runs.h"

#include <algorithm>

namespace melon::placement::pickers {
namespace {

bool is_free_from(const FreeByIndex& free, std::size_t start, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    if (!free[(start + i) % free.size()]) return false;
  return true;
}

}  // namespace

std::optional<std::size_t> aligned_run(const FreeByIndex& free, std::size_t count,
                                       std::span<const std::int64_t> counts, std::size_t from) {
  const bool allowed = std::ranges::find(counts, static_cast<std::int64_t>(count)) != counts.end();
  if (!allowed || count == 0) return std::nullopt;
  for (std::size_t start = (from + count - 1) / count * count; start + count <= free.size();
       start += count)
    if (is_free_from(free, start, count)) return start;
  return std::nullopt;
}

std::optional<std::size_t> ring_run(const FreeByIndex& free, std::size_t count, bool wraps,
                                    std::size_t from) {
  if (count == 0 || count > free.size()) return std::nullopt;
  const std::size_t starts = wraps && count < free.size() ? free.size() : free.size() - count + 1;
  for (std::size_t start = from; start < starts; ++start)
    if (is_free_from(free, start, count)) return start;
  return std::nullopt;
}

}  // namespace melon::placement::pickers

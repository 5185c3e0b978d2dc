// SPDX-License-Identifier: Apache-2.0
// Amounts of a backend in the engine's order.
#include "kube/detail/backend_amounts.h"

#include <fmt/format.h>

#include <algorithm>

namespace melon::kube::detail {
namespace {

Result<std::int32_t> within(std::string_view what, std::int64_t amount) {
  if (amount >= 0 && amount <= placement::kMostAmount) return static_cast<std::int32_t>(amount);
  return fail(Code::kInvalidArgument,
              fmt::format("{} of {} is not within 0 and {}", what, amount, placement::kMostAmount),
              "correct the amount, or who announced it");
}

}  // namespace

Result<placement::Amounts> engine_amounts(const vendors::Backend& backend,
                                          const NamedAmounts& amounts) {
  placement::Amounts result;
  MELON_TRY(result[placement::kSlots], within("slots", amounts.slots));
  MELON_TRY(result[placement::kMemory], within("memory", amounts.memory_mib));
  MELON_TRY(result[placement::kCompute], within("compute", amounts.compute));
  std::size_t dimension = placement::kFirstExtra;
  for (const auto& [name, capacity] : backend.dimensions) {
    if (dimension == placement::kDimensions) break;  // the engine has no room for more
    const auto cost = amounts.costs.find(name);
    if (cost != amounts.costs.end()) {
      MELON_TRY(result[dimension], within(name, std::min(cost->second, capacity + 1)));
    }
    ++dimension;
  }
  return result;
}

}  // namespace melon::kube::detail

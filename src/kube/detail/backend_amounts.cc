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

bool has_classes(const vendors::Backend& backend) {
  return std::ranges::any_of(backend.device_rules, [](vendors::DeviceRule rule) {
    return rule == vendors::DeviceRule::kQosEqual || rule == vendors::DeviceRule::kAppClass;
  });
}

placement::Amounts with_class_capacity(placement::Amounts capacity) {
  constexpr std::int32_t kMore = 1'000'000;
  for (const auto kind :
       {placement::kOnline, placement::kOffline, placement::kFixedShare, placement::kBurstShare})
    capacity[kind] = kMore;
  return capacity;
}

placement::Amounts with_classes(placement::Amounts amounts, vendors::Qos qos,
                                vendors::AppClass app_class) {
  const bool is_online = app_class == vendors::AppClass::kOnline;
  if (is_online) amounts[placement::kOnline] = 1;
  if (app_class == vendors::AppClass::kOffline) amounts[placement::kOffline] = 1;
  // Online users are free of the class of service, and set none.
  if (!is_online && qos == vendors::Qos::kFixedShare) amounts[placement::kFixedShare] = 1;
  if (!is_online && qos == vendors::Qos::kBurstShare) amounts[placement::kBurstShare] = 1;
  return amounts;
}

Result<placement::Amounts> engine_amounts(const vendors::Backend& backend,
                                          const NamedAmounts& amounts) {
  placement::Amounts result;
  MELON_TRY(result[placement::kSlots], within("slots", amounts.slots));
  MELON_TRY(result[placement::kMemory], within("memory", amounts.memory_mib));
  MELON_TRY(result[placement::kCompute], within("compute", amounts.compute));
  std::size_t dimension = placement::kFirstExtra;
  for (const auto& [name, capacity] : backend.dimensions) {
    if (dimension == placement::kPlaces) break;  // the engine has no room for more
    const auto cost = amounts.costs.find(name);
    if (cost != amounts.costs.end()) {
      MELON_TRY(result[dimension], within(name, std::min(cost->second, capacity + 1)));
    }
    ++dimension;
  }
  return result;
}

}  // namespace melon::kube::detail

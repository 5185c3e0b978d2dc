// SPDX-License-Identifier: Apache-2.0
// Rounds memory to what the vendor can slice.
#include <fmt/format.h>

#include <algorithm>

#include "vendors/detail/amounts.h"

namespace melon::vendors::detail {
namespace {

void take_whole(const MemoryRule& rule, Demand& demand) {
  demand.memory = rule.whole;
  demand.memory_percent = 0;
}

Result<> round_to_template(const MemoryRule& rule, const Amount& asked, Demand& demand) {
  const auto fits = [&](const Template& one) { return one.memory >= demand.memory; };
  const auto chosen = std::ranges::find_if(rule.templates, fits);
  if (chosen != rule.templates.end()) {
    demand.memory = chosen->memory;
    demand.template_name = chosen->name;
    demand.costs = chosen->cost;
    return {};
  }
  if (demand.memory > rule.capacity)
    return refuse(asked, fmt::format("a device has {} MiB", rule.capacity.count()),
                  fmt::format("ask for at most {} MiB", rule.capacity.count()));
  take_whole(rule, demand);
  return {};
}

Result<> round_to_tier(const Circumstances& at, const Amount& asked, Demand& demand) {
  const MemoryRule& rule = at.backend.memory;
  const auto tier = std::ranges::lower_bound(rule.tiers_mib, demand.memory.count());
  if (tier != rule.tiers_mib.end()) {
    demand.memory = MiB(*tier);
    return {};
  }
  if (rule.overflow == Overflow::kReject && !is_compatible(at.mode))
    return refuse(asked, fmt::format("the largest slice has {} MiB", rule.tiers_mib.back()),
                  "ask for less, or for several devices");
  demand.memory = MiB(rule.tiers_mib.back());
  return {};
}

Result<> check_legal(const MemoryRule& rule, const Amount& asked, const Demand& demand) {
  if (std::ranges::any_of(rule.legal_units, [&](std::int64_t units) {
        return MiB(units * rule.unit_mib) == demand.memory;
      }))
    return {};
  std::string legal;
  for (const std::int64_t units : rule.legal_units)
    legal += fmt::format("{}{}", legal.empty() ? "" : ", ", units);
  return refuse({asked.value / rule.unit_mib, asked.name},
                fmt::format("not one of {} units of {} MiB", legal, rule.unit_mib),
                "ask for one of these amounts");
}

}  // namespace

Result<> round_memory(const Circumstances& at, Amounts& amounts, Demand& demand) {
  const MemoryRule& rule = at.backend.memory;
  if (!amounts.memory) {
    if (rule.rounding != Rounding::kTemplate || demand.soft) return {};
    take_whole(rule, demand);
    amounts.memory = Amount{rule.whole.count(), at.backend.resources.memory};
    return {};
  }
  switch (rule.rounding) {
    case Rounding::kTemplate:
      if (demand.soft) return {};
      MELON_RETURN_IF_ERROR(round_to_template(rule, *amounts.memory, demand));
      break;
    case Rounding::kTier:
      MELON_RETURN_IF_ERROR(round_to_tier(at, *amounts.memory, demand));
      break;
    case Rounding::kLegal:
      return check_legal(rule, *amounts.memory, demand);
    case Rounding::kProfile:
    case Rounding::kSlots:
    case Rounding::kNone:
      return {};
  }
  amounts.memory->value = demand.memory.count() * (rule.total_of_devices ? demand.count : 1);
  return {};
}

}  // namespace melon::vendors::detail

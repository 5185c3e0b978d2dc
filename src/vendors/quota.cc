// SPDX-License-Identifier: Apache-2.0
// What a namespace may have of devices, and what a pod would take of it.
#include "vendors/quota.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/kube_quantity.h"

namespace melon::vendors {
namespace {

constexpr std::string_view kLimitsPrefix = "limits.";
constexpr std::int64_t kMostAmount = std::int64_t{1} << 40;

template <class T>
void keep_smaller(std::optional<T>& limit, T other) {
  limit = limit ? std::min(*limit, other) : other;
}

QuotaAmount times(const Demand& demand) {
  return {MiB(demand.memory.count() * demand.count), demand.compute * demand.count};
}

void add_demands(QuotaAmounts& amounts, const std::vector<Demand>& demands) {
  for (const Demand& demand : demands) add(amounts, {{demand.backend, times(demand)}});
}

void keep_larger(QuotaAmounts& peak, const QuotaAmounts& other) {
  for (const auto& entry : other) {
    QuotaAmount& most = peak[entry.first];
    most.memory = std::max(most.memory, entry.second.memory);
    most.compute = std::max(most.compute, entry.second.compute);
  }
}

QuotaAmounts single_devices_of_apps(std::span<const ContainerSpec> containers,
                                    const Demands& demands) {
  QuotaAmounts sum;
  for (std::size_t i = 0; i < demands.size(); ++i)
    for (const Demand& demand : demands[i])
      if (containers[i].kind == ContainerKind::kApp && demand.count == 1)
        add(sum, {{demand.backend, times(demand)}});
  return sum;
}

tl::unexpected<Error> exceeded(const std::string& resource, std::int64_t used, std::int64_t asked,
                               std::int64_t limit) {
  return fail(Code::kResourceExhausted,
              fmt::format("exceeding resource quota: {} asks for {}, {} of {} are used", resource,
                          asked, used, limit),
              "ask for less, wait for others, or raise the namespace's quota");
}

/// What one line of a quota allows, in the resource's unit.
Result<std::int64_t> whole_amount(const std::pair<const std::string, std::string>& entry) {
  const auto quantity = parse_kube_quantity(entry.second);
  if (!quantity || !quantity->is_integer() || quantity->whole < 0 || quantity->whole > kMostAmount)
    return fail(
        Code::kInvalidArgument,
        fmt::format("quota {} '{}' is no whole number up to 2^40", entry.first, entry.second),
        "write it in the resource's unit, without a suffix");
  return quantity->whole;
}

}  // namespace

Result<> read_quota(const std::map<std::string, std::string>& hard, const Catalogue& catalogue,
                    Compatibility mode, QuotaLimits& limits) {
  for (const auto& entry : hard) {
    if (!entry.first.starts_with(kLimitsPrefix)) continue;
    const auto meaning = catalogue.meaning(entry.first.substr(kLimitsPrefix.size()));
    const bool managed = meaning && (meaning->resource == Resource::kMemory ||
                                     meaning->resource == Resource::kCompute);
    if (!managed) continue;
    MELON_TRY(const std::int64_t amount, whole_amount(entry));
    if (amount == 0 && mode == Compatibility::kHami29) continue;
    QuotaLimit& limit = limits[meaning->backend];
    if (meaning->resource == Resource::kMemory) {
      keep_smaller(limit.memory, MiB(amount * meaning->unit_mib));
    } else {
      keep_smaller(limit.compute, amount);
    }
  }
  return {};
}

QuotaAmounts peak_amounts(std::span<const ContainerSpec> containers, const Demands& demands,
                          Compatibility mode) {
  if (mode == Compatibility::kHami29) return single_devices_of_apps(containers, demands);
  QuotaAmounts staying;
  QuotaAmounts peak;
  for (std::size_t i = 0; i < demands.size(); ++i) {
    if (containers[i].kind != ContainerKind::kInitial) {
      add_demands(staying, demands[i]);
      continue;
    }
    QuotaAmounts during = staying;
    add_demands(during, demands[i]);
    keep_larger(peak, during);
  }
  keep_larger(peak, staying);
  return peak;
}

void add(QuotaAmounts& used, const QuotaAmounts& more) {
  for (const auto& entry : more) {
    used[entry.first].memory += entry.second.memory;
    used[entry.first].compute += entry.second.compute;
  }
}

void take(QuotaAmounts& used, const QuotaAmounts& less) {
  for (const auto& entry : less) {
    QuotaAmount& amount = used[entry.first];
    amount.memory = std::max(MiB(0), amount.memory - entry.second.memory);
    amount.compute = std::max<std::int64_t>(0, amount.compute - entry.second.compute);
  }
}

Result<> check_quota(const QuotaLimits& limits, const QuotaAmounts& used, const QuotaAmounts& asked,
                     const Catalogue& catalogue) {
  for (const auto& entry : asked) {
    const auto limit = limits.find(entry.first);
    if (limit == limits.end()) continue;
    const auto found = used.find(entry.first);
    const QuotaAmount have = found == used.end() ? QuotaAmount{} : found->second;
    const ResourceNames& names = catalogue.backend(entry.first).resources;
    const QuotaAmount& more = entry.second;
    if (limit->second.memory && have.memory + more.memory > *limit->second.memory)
      return exceeded(names.memory, have.memory.count(), more.memory.count(),
                      limit->second.memory->count());
    if (limit->second.compute && have.compute + more.compute > *limit->second.compute)
      return exceeded(names.compute, have.compute, more.compute, *limit->second.compute);
  }
  return {};
}

}  // namespace melon::vendors

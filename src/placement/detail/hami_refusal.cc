// SPDX-License-Identifier: Apache-2.0
// HAMi's checks of one card, in its order and its words.
#include <algorithm>

#include "placement/detail/device_use.h"
#include "placement/detail/hami_node.h"
#include "placement/detail/hami_rules.h"

namespace melon::placement::detail {
namespace {

using vendors::DeviceRule;

constexpr std::int32_t kWholePercent = 100;

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::ranges::find(words, word) != words.end();
}

}  // namespace

/// The sum over what runs beside the step, the cards collected so far, and this one.
bool HamiNode::is_over_quota(std::size_t step, const Amounts& asked) const {
  const std::string& vendor = demand_of(step).vendor;
  const auto left = options_.quota.find(vendor);
  if (left == options_.quota.end()) return false;
  Amounts sum = asked;
  if (const auto before = of_vendor_.find(vendor); before != of_vendor_.end())
    sum += beside(before->second, step);
  for (const Taken& taken : collected_) sum += taken.amounts;
  const QuotaLeft& quota = left->second;
  return (quota.memory_mib && sum[kMemory] > *quota.memory_mib) ||
         (quota.compute && sum[kCompute] > *quota.compute);
}

/// Amounts of a card, from the quota to the exclusive ones; empty when it has them all.
std::string_view HamiNode::refusal_of_amounts(std::size_t step, std::uint16_t card,
                                              const Amounts& asked) const {
  const Amounts total = total_of(card);
  const Amounts used = used_now(card, step);
  Amounts here;  // on a card that is cut and visited again
  for (const Taken& taken : collected_)
    if (taken.card == card) here += taken.amounts;
  const auto lacks = [&](std::size_t dimension) {
    return asked[dimension] > total[dimension] - used[dimension] - here[dimension];
  };
  const DeviceDemand& demand = demand_of(step);
  const bool is_cut = partition_on(demand, nodes_.kinds[nodes_.kind_of(row_)[card]]) != nullptr;
  if (is_over_quota(step, asked)) return "ResourceQuotaNotFit";
  if (lacks(kMemory)) return "CardInsufficientMemory";
  // Those of the class that others stand back for are asked nothing about compute.
  if (is_cut || demand.app_class == vendors::AppClass::kOnline) return {};
  if (lacks(kCompute)) return "CardInsufficientCore";
  if (total[kCompute] == kWholePercent && asked[kCompute] == kWholePercent && used[kSlots] > 0)
    return "ExclusiveDeviceAllocateConflict";
  if (total[kCompute] != 0 && used[kCompute] >= total[kCompute] && asked[kCompute] == 0)
    return "CardComputeUnitsExhausted";
  for (std::size_t i = kFirstExtra; i < kPlaces; ++i)
    if (lacks(i)) return "CardInsufficientCore";
  return {};
}

/// Of a card that is cut: whether a place is free. A vendor whose devices are all cut counts slices
/// and memory before.
std::string_view HamiNode::refusal_of_places(std::size_t step, std::uint16_t card) const {
  if (free_places(step, card)) return {};
  const DeviceDemand& demand = demand_of(step);
  const DeviceKind& kind = nodes_.kinds[nodes_.kind_of(row_)[card]];
  const std::int32_t memory = amounts_on(demand, kind)[kMemory];
  const Amounts total = total_of(card);
  if (demand.by_profile) {
    const std::int32_t free = nodes_.room_of(row_)[card][kPlaces] & ~loads_[card].most[kPlaces];
    if (free == 0) return "CardTimeSlicingExhausted";
    if (memory > total[kMemory] - used_now(card, step)[kMemory]) return "CardInsufficientMemory";
    return "CardNotFoundCustomFilterRule";
  }
  if (memory > total[kMemory]) return "CardInsufficientMemory";
  return options_.is_210 ? "CardMigTopologyInfeasible" : "CardNotFoundCustomFilterRule";
}

/// Rules of the vendor's own.
std::string_view HamiNode::refusal_of_rules(std::size_t step, std::uint16_t card) const {
  const auto broken = broken_vendor_rule(nodes_, {node_, card, loads_[card].most}, demand_of(step));
  if (!broken) return {};
  switch (*broken) {
    case DeviceRule::kQosEqual:
      return "CardQosPolicyMismatch";
    case DeviceRule::kAppClass:
      return "CardAppClassMismatch";
    case DeviceRule::kIdleOnly:
    case DeviceRule::kMemberMutex:
      return "ExclusiveDeviceAllocateConflict";
    case DeviceRule::kUniformSlice:
    case DeviceRule::kSameDevicePerPod:
      break;
  }
  return "CardNotFoundCustomFilterRule";
}

/// Whether the containers of a pod share their devices, and others of this pod are elsewhere.
bool HamiNode::is_apart_from_its_pod(std::size_t step, std::uint16_t card) const {
  const DeviceDemand& demand = demand_of(step);
  if (!has_rule(demand, DeviceRule::kSameDevicePerPod)) return false;
  return std::ranges::any_of(slices_, [&](const ContainerSlice& slice) {
    return slice.card != card && slice.container != shape_.steps()[step].container &&
           is_of_vendor(slice.card, demand);
  });
}

/// What is asked before devices are held to one NUMA node.
std::string_view HamiNode::refusal_of_kind(std::size_t step, std::uint16_t card) const {
  const DeviceDemand& demand = demand_of(step);
  const CardEntry& entry = nodes_.cards_of(row_)[card];
  const bool is_accepted = accepts(demand, nodes_.kinds[nodes_.kind_of(row_)[card]]);
  if (keeps_classes(demand)) {
    if (!is_accepted) return "CardTypeMismatch";
    if (!entry.healthy) return "CardUnhealthy";
  }
  if (!entry.healthy) return "CardNotHealth";
  if (entry.cordoned && options_.is_210) return "CardCordoned";
  if (!is_accepted) return "CardTypeMismatch";
  const bool is_first = keeps_classes(demand) || has_rule(demand, DeviceRule::kIdleOnly);
  return is_first ? refusal_of_rules(step, card) : std::string_view();
}

/// The first check that a card fails, of those after its kind's.
std::string_view HamiNode::refusal(std::size_t step, std::uint16_t card) const {
  const DeviceDemand& demand = demand_of(step);
  const CardEntry& entry = nodes_.cards_of(row_)[card];
  if ((!demand.uuids.empty() && !has(demand.uuids, entry.uuid)) ||
      has(demand.not_uuids, entry.uuid))
    return "CardUuidMismatch";
  const Amounts used = used_now(card, step);
  if (total_of(card)[kSlots] <= used[kSlots]) return "CardTimeSlicingExhausted";
  if (options_.unused_only && options_.is_210 && used[kSlots] > 0)
    return "ExclusiveDeviceAllocateConflict";
  if (const auto broken = refusal_of_rules(step, card); !broken.empty()) return broken;
  if (const auto why = refusal_of_places(step, card); !why.empty()) return why;
  const Amounts asked = amounts_on(demand, nodes_.kinds[nodes_.kind_of(row_)[card]]);
  if (const auto why = refusal_of_amounts(step, card, asked); !why.empty()) return why;
  return is_apart_from_its_pod(step, card) ? "CardNotFoundCustomFilterRule" : "";
}

}  // namespace melon::placement::detail

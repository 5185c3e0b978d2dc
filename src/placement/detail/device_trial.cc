// SPDX-License-Identifier: Apache-2.0
// Asks each device of a node, rule by rule, whether it takes a slice.
#include "placement/detail/device_trial.h"

#include <algorithm>
#include <functional>
#include <map>

#include "placement/detail/card_sets.h"
#include "placement/detail/device_use.h"
#include "placement/fragmentation.h"

namespace melon::placement::detail {
namespace {

constexpr std::uint8_t kOtherVendor = 0;
constexpr std::uint8_t kOtherType = 1;
constexpr std::uint8_t kAccepted = 2;

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::ranges::find(words, word) != words.end();
}

bool accepts_type_of(const DeviceDemand& demand, const DeviceKind& kind) {
  return (demand.types.empty() || has(demand.types, kind.type)) &&
         !has(demand.not_types, kind.type);
}

/// Rules about how many devices there are of something, in place of how much they have.
bool counts_devices(Rule rule) {
  return rule < Rule::kSlots || rule == Rule::kShared || rule >= Rule::kNoPlace;
}

Rule told_as(vendors::DeviceRule rule) {
  switch (rule) {
    case vendors::DeviceRule::kUniformSlice:
      return Rule::kUniformSlice;
    case vendors::DeviceRule::kQosEqual:
      return Rule::kQos;
    case vendors::DeviceRule::kAppClass:
      return Rule::kAppClass;
    case vendors::DeviceRule::kIdleOnly:
    case vendors::DeviceRule::kMemberMutex:
    case vendors::DeviceRule::kSameDevicePerPod:
      break;
  }
  return Rule::kShared;
}

}  // namespace

void DeviceTrial::look_at(std::uint32_t node) {
  const NodeRow& row = nodes_.rows[node];
  node_ = node;
  first_card_ = row.first_card;
  of_kind_.clear();
  rules_.clear();
  fitting_.clear();
  for (; asked_.size() < nodes_.kinds.size();) {
    const DeviceKind& kind = nodes_.kinds[asked_.size()];
    const bool is_vendor = demand_.vendor.empty() || kind.vendor == demand_.vendor;
    kinds_.push_back(!is_vendor ? kOtherVendor
                                : (accepts_type_of(demand_, kind) ? kAccepted : kOtherType));
    asked_.push_back(amounts_on(demand_, kind));
    free_.push_back(free_on(demand_, kind));
  }
  for (std::uint16_t card = 0; card < row.cards; ++card) {
    if (kinds_[nodes_.kind[row.first_card + card]] == kOtherVendor) continue;
    of_kind_.push_back(card);
    rules_.push_back(rule_of(card));
    if (rules_.back() != Rule::kTooFew) continue;
    fitting_.insert(fitting_.end(), std::max<std::size_t>(1, free_places(card)), card);
  }
}

/// Where slices of a device that is cut could go, each by itself; 0 of one that is not.
std::size_t DeviceTrial::free_places(std::uint16_t card) const {
  const std::size_t at = first_card_ + card;
  const PartitionChoice* const cut = partition_on(demand_, nodes_.kinds[nodes_.kind[at]]);
  if (cut == nullptr) return 0;
  const std::int32_t room = nodes_.room[at][kPlaces];
  return static_cast<std::size_t>(std::ranges::count_if(
      cut->places, [&](std::int32_t places) { return (places & ~room) == 0; }));
}

/// What the demand takes of a device.
const Amounts& DeviceTrial::asked_of(std::size_t card) const {
  return asked_[nodes_.kind[first_card_ + card]];
}

const Amounts& DeviceTrial::free_of(std::size_t card) const {
  return free_[nodes_.kind[first_card_ + card]];
}

Rule DeviceTrial::rule_of(std::uint16_t card) const {
  const std::size_t at = first_card_ + card;
  const CardEntry& entry = nodes_.cards[at];
  if (!entry.healthy) return Rule::kUnhealthy;
  if (entry.cordoned) return Rule::kDeviceCordoned;
  if (kinds_[nodes_.kind[at]] == kOtherType) return Rule::kType;
  if (!accepts_uuid(demand_, entry.uuid)) return Rule::kUuid;
  if (nodes_.room[at][kSlots] <= 0) return Rule::kSlots;
  const Rule lacking = rule_of_amounts(card);
  if (lacking != Rule::kTooFew) return lacking;
  if (const auto broken = broken_rule(nodes_, {node_, card, {}}, demand_)) return told_as(*broken);
  return is_over_quota(card) ? Rule::kQuota : Rule::kTooFew;
}

/// What one slice may take of a device: never more than the device itself, also where it is
/// oversubscribed. Negative where more is booked than may be.
std::int32_t DeviceTrial::offer_of(std::size_t card, std::size_t dimension) const {
  const std::size_t at = first_card_ + card;
  return std::min(nodes_.room[at][dimension], nodes_.kinds[nodes_.kind[at]].capacity[dimension]);
}

bool DeviceTrial::lacks(std::size_t card, std::size_t dimension) const {
  return asked_of(card)[dimension] > offer_of(card, dimension);
}

/// Of what the device has: places where it is cut, then amounts.
Rule DeviceTrial::rule_of_amounts(std::uint16_t card) const {
  const std::size_t at = first_card_ + card;
  const DeviceKind& kind = nodes_.kinds[nodes_.kind[at]];
  const PartitionChoice* const cut = partition_on(demand_, kind);
  const bool can_be_cut = cut != nullptr && !cut->places.empty();
  if (can_be_cut && free_places(card) == 0) return Rule::kNoPlace;
  const Amounts& room = nodes_.room[at];
  if (lacks(card, kMemory)) return Rule::kDeviceMemory;
  if (lacks(card, kCompute)) return Rule::kCompute;
  const Amounts& free = free_of(card);
  if (free[kSlots] > room[kSlots]) return is_alone_on(demand_, kind) ? Rule::kShared : Rule::kSlots;
  if (free[kCompute] > room[kCompute]) return Rule::kComputeTaken;
  for (std::size_t i = kFirstExtra; i < kPlaces; ++i)
    if (lacks(card, i)) return Rule::kExtra;
  return cut != nullptr && !can_be_cut ? Rule::kNoPlace : Rule::kTooFew;
}

std::optional<Obstacle> DeviceTrial::obstacle() const {
  const auto wanted = static_cast<std::size_t>(demand_.count);
  Obstacle obstacle{.rule = Rule::kDevices,
                    .subject = demand_.vendor,
                    .asked = demand_.count,
                    .found = static_cast<std::int64_t>(of_kind_.size()),
                    .of_kind = static_cast<std::uint16_t>(of_kind_.size()),
                    .fitting = static_cast<std::uint16_t>(fitting_.size())};
  for (const Rule rule : rules_)
    if (rule != Rule::kTooFew) ++obstacle.devices.at(static_cast<std::size_t>(rule));
  if (of_kind_.size() < wanted && (demand_.partitions.empty() || of_kind_.empty())) return obstacle;
  if (fitting_.size() >= wanted) {
    if (auto found = quota_obstacle(obstacle, wanted)) return found;
    return group_obstacle(std::move(obstacle));
  }
  obstacle.subject.clear();
  obstacle.rule = Rule::kTooFew;
  obstacle.found = static_cast<std::int64_t>(fitting_.size());
  return fitting_.empty() ? most_common(std::move(obstacle)) : obstacle;
}

/// Where enough devices take the demand: whether enough of them are of one group, if that is asked.
std::optional<Obstacle> DeviceTrial::group_obstacle(Obstacle obstacle) const {
  const auto wanted = static_cast<std::size_t>(demand_.count);
  const bool binds = wanted > 1 && (demand_.one_numa || demand_.one_link_group);
  if (!binds || largest_group() >= wanted) return set_obstacle(std::move(obstacle));
  obstacle.rule = Rule::kOneGroup;
  obstacle.subject = demand_.one_numa ? "NUMA node" : "link group";
  obstacle.found = static_cast<std::int64_t>(largest_group());
  return obstacle;
}

/// Whether the devices that take the demand make one of the sets that its picker binds it to.
std::optional<Obstacle> DeviceTrial::set_obstacle(Obstacle obstacle) const {
  if (!binds_to_sets(demand_)) return std::nullopt;
  const auto any = [](std::span<const std::uint16_t>) { return true; };
  if (visit_sets(nodes_, {node_, fitting_}, demand_, demand_.picker.kind, any)) return std::nullopt;
  obstacle.rule = Rule::kSet;
  obstacle.subject = vendors::word_of(demand_.picker.kind);
  obstacle.found = static_cast<std::int64_t>(fitting_.size());
  return obstacle;
}

/// The dimension that a rule is about; of further ones the first that some device lacks.
std::size_t DeviceTrial::dimension_of(Rule rule) const {
  if (rule == Rule::kSlots) return kSlots;
  if (rule == Rule::kDeviceMemory) return kMemory;
  if (rule == Rule::kCompute) return kCompute;
  for (std::size_t i = 0; i < of_kind_.size(); ++i) {
    const std::size_t at = first_card_ + of_kind_[i];
    const Amounts& asked = asked_of(of_kind_[i]);
    for (std::size_t extra = kFirstExtra; extra < kPlaces; ++extra)
      if (rules_[i] == rule && asked[extra] > nodes_.room[at][extra]) return extra;
  }
  return kFirstExtra;
}

/// Where no device takes the demand: the rule that most of them fail; of equals the one asked last,
/// which is nearest to a fit.
Obstacle DeviceTrial::most_common(Obstacle obstacle) const {
  const auto most = std::max_element(obstacle.devices.rbegin(), obstacle.devices.rend());
  obstacle.rule = static_cast<Rule>(obstacle.devices.rend() - most - 1);
  obstacle.found = *most;
  if (obstacle.rule == Rule::kQuota) return quota_of_each(obstacle);
  if (obstacle.rule == Rule::kType) obstacle.subject = demand_.node_flag;
  if (counts_devices(obstacle.rule)) return obstacle;
  const std::size_t dimension = dimension_of(obstacle.rule);
  if (obstacle.rule == Rule::kExtra && dimension - kFirstExtra < demand_.extra_names.size())
    obstacle.subject = demand_.extra_names[dimension - kFirstExtra];
  obstacle.asked = 0;
  obstacle.found = 0;
  for (std::size_t i = 0; i < of_kind_.size(); ++i) {
    if (rules_[i] != obstacle.rule) continue;
    const std::size_t at = first_card_ + of_kind_[i];
    const std::int64_t asked = asked_of(of_kind_[i])[dimension];
    obstacle.asked = std::max(obstacle.asked, asked);
    obstacle.found = std::max<std::int64_t>(obstacle.found, nodes_.room[at][dimension]);
  }
  return obstacle;
}

bool DeviceTrial::lacks_only(std::size_t card, std::size_t dimension) const {
  const std::size_t at = first_card_ + card;
  const DeviceKind& kind = nodes_.kinds[nodes_.kind[at]];
  // With less than all compute it need not be alone.
  const bool is_with_others = dimension == kCompute && !demand_.whole;
  const Amounts& free = is_with_others ? asked_of(card) : free_of(card);
  for (std::size_t i = 0; i < kDimensions; ++i)
    if (i != dimension && free[i] > std::min(nodes_.room[at][i], kind.capacity[i])) return false;
  const CardAt here{node_, static_cast<std::uint16_t>(card), {}};
  return !demand_.unused || pickers::idle_only(use_of(nodes_, here));
}

std::int64_t DeviceTrial::most_of(std::size_t dimension, std::size_t count) const {
  std::vector<std::int64_t> free;
  for (std::size_t i = 0; i < of_kind_.size(); ++i) {
    if (rules_[i] < Rule::kSlots || !lacks_only(of_kind_[i], dimension)) continue;
    free.push_back(offer_of(of_kind_[i], dimension));
  }
  if (count == 0 || free.size() < count) return 0;
  const auto nth = free.begin() + static_cast<std::ptrdiff_t>(count) - 1;
  std::ranges::nth_element(free, nth, std::greater{});
  return *nth;
}

/// By which the device refuses a slice: the first, and where that is about what it has, all that
/// are.
std::vector<Rule> DeviceTrial::rules_against(std::size_t of_kind) const {
  const std::uint16_t card = of_kind_[of_kind];
  const Rule first = rules_[of_kind];
  if (first == Rule::kTooFew) return {};
  if (first <= Rule::kSlots) return {first};
  std::vector<Rule> rules;
  if (lacks(card, kMemory)) rules.push_back(Rule::kDeviceMemory);
  if (lacks(card, kCompute)) rules.push_back(Rule::kCompute);
  const auto add = [&rules](Rule rule) {
    if (std::ranges::find(rules, rule) == rules.end()) rules.push_back(rule);
  };
  if (const auto broken = broken_rule(nodes_, {node_, card, {}}, demand_)) add(told_as(*broken));
  add(first);
  return rules;
}

std::vector<DeviceAnswer> DeviceTrial::answers() const {
  std::vector<DeviceAnswer> answers;
  for (std::size_t i = 0; i < of_kind_.size(); ++i) {
    const std::uint16_t card = of_kind_[i];
    DeviceAnswer answer{.uuid = nodes_.cards[first_card_ + card].uuid,
                        .asked = asked_of(card),
                        .rules = rules_against(i)};
    for (std::size_t dimension = 0; dimension < kPlaces; ++dimension)
      answer.offered[dimension] = std::max(0, offer_of(card, dimension));
    answers.push_back(std::move(answer));
  }
  return answers;
}

std::size_t DeviceTrial::largest_group() const {
  std::map<std::int16_t, std::size_t> groups;
  std::size_t largest = 0;
  for (const std::uint16_t card : fitting_) {
    const CardEntry& entry = nodes_.cards[first_card_ + card];
    const std::int16_t group = demand_.one_numa ? entry.numa : entry.link_group;
    if (group >= 0) largest = std::max(largest, ++groups[group]);
  }
  return largest;
}

}  // namespace melon::placement::detail

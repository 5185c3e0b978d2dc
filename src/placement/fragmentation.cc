// SPDX-License-Identifier: Apache-2.0
// Measures which free parts of devices the usual requests can not use.
#include "placement/fragmentation.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>

namespace melon::placement {
namespace {

/// Thousandths of an empty device that the demand takes; empty when it does not fit one.
std::optional<std::int16_t> milli_on(const DeviceDemand& demand, const detail::DeviceKind& kind) {
  const Amounts need = amounts_on(demand, kind);
  if (!accepts(demand, kind) || !need.fits_in(kind.capacity)) return std::nullopt;
  if (demand.whole && partition_on(demand, kind) == nullptr) return 1000;
  std::int64_t most = 1;  // a device of which nothing is free serves nobody
  for (std::size_t i = kMemory; i < kDimensions; ++i)
    if (kind.capacity[i] > 0)
      most =
          std::max(most, (std::int64_t{need[i]} * 1000 + kind.capacity[i] - 1) / kind.capacity[i]);
  return static_cast<std::int16_t>(most);
}

/// Adds a target's device time per device to the kinds that serve it; all of that time.
double press(const TargetShape& target, std::span<const detail::DeviceKind> kinds,
             std::span<const std::int64_t> devices, std::vector<double>& pressure) {
  if (!target.devices) return 0;
  std::vector<std::size_t> able;
  double of_those = 0;
  double time = 0;
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    const auto milli = milli_on(*target.devices, kinds[kind]);
    if (!milli || devices[kind] == 0) continue;
    able.push_back(kind);
    of_those += static_cast<double>(devices[kind]);
    time += static_cast<double>(devices[kind]) * *milli;
  }
  if (able.empty()) return 0;
  time *= static_cast<double>(target.weight) * target.devices->count / of_those;
  for (const std::size_t kind : able) pressure[kind] += time / of_those;
  return time;
}

}  // namespace

bool accepts(const DeviceDemand& demand, const detail::DeviceKind& kind) {
  const auto has = [&kind](const std::vector<std::string>& types) {
    return std::ranges::find(types, kind.type) != types.end();
  };
  if (!demand.vendor.empty() && demand.vendor != kind.vendor) return false;
  return (demand.types.empty() || has(demand.types)) && !has(demand.not_types);
}

bool accepts_uuid(const DeviceDemand& demand, const std::string& uuid) {
  const auto has = [&uuid](const std::vector<std::string>& uuids) {
    return std::ranges::find(uuids, uuid) != uuids.end();
  };
  return (demand.uuids.empty() || has(demand.uuids)) && !has(demand.not_uuids);
}

const PartitionChoice* partition_on(const DeviceDemand& demand, const detail::DeviceKind& kind) {
  const auto found = std::ranges::find(demand.partitions, kind.type, &PartitionChoice::type);
  return found == demand.partitions.end() ? nullptr : &*found;
}

Amounts amounts_on(const DeviceDemand& demand, const detail::DeviceKind& kind) {
  if (const PartitionChoice* const cut = partition_on(demand, kind)) return cut->each;
  const Amounts& capacity = kind.capacity;
  Amounts need = demand.each;
  need[kSlots] = demand.whole ? capacity[kSlots] : std::max(need[kSlots], 1);
  if (demand.memory_permille)
    need[kMemory] = static_cast<std::int32_t>(std::max<std::int64_t>(
        1, std::int64_t{capacity[kMemory]} * *demand.memory_permille / 1000));
  if (demand.compute_permille)
    need[kCompute] = static_cast<std::int32_t>(std::max<std::int64_t>(
        1, std::int64_t{capacity[kCompute]} * *demand.compute_permille / 1000));
  return need;
}

bool is_alone_on(const DeviceDemand& demand, const detail::DeviceKind& kind) {
  if (partition_on(demand, kind) != nullptr) return false;
  const std::int32_t all = kind.capacity[kCompute];
  return demand.whole ||
         (demand.alone_with_all && all > 0 && amounts_on(demand, kind)[kCompute] == all);
}

Amounts free_on(const DeviceDemand& demand, const detail::DeviceKind& kind) {
  Amounts free = amounts_on(demand, kind);
  if (is_alone_on(demand, kind)) free[kSlots] = kind.capacity[kSlots];
  if (demand.needs_compute_left && partition_on(demand, kind) == nullptr && free[kCompute] == 0)
    free[kCompute] = std::min(kind.capacity[kCompute], 1);
  return free;
}

std::vector<std::int64_t> scarcities(std::span<const TargetShape> targets,
                                     std::span<const detail::DeviceKind> kinds,
                                     std::span<const std::int64_t> devices) {
  std::vector<double> pressure(kinds.size(), 0.0);
  double asked = 0;
  double there = 0;
  for (const std::int64_t count : devices) there += static_cast<double>(count);
  for (const TargetShape& target : targets) asked += press(target, kinds, devices, pressure);
  std::map<std::string_view, double> least;  // by vendor
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    if (devices[kind] == 0) continue;
    const auto [known, is_new] = least.try_emplace(kinds[kind].vendor, pressure[kind]);
    if (!is_new) known->second = std::min(known->second, pressure[kind]);
  }
  std::vector<std::int64_t> found;
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    const double over = pressure[kind] - least[kinds[kind].vendor];
    const double scarcity = over > 0 ? 1000 * over * there / asked : 0;
    found.push_back(std::llround(std::min(scarcity, double{kMostScarcity})));
  }
  return found;
}

Fragmentation::Fragmentation(std::vector<TargetShape> targets, std::int64_t requests)
    : targets_(std::move(targets)), requests_(requests) {
  for (const TargetShape& target : targets_) {
    total_weight_ += target.weight;
    cpu_steps_.push_back(target.cpu_milli);
  }
  std::ranges::sort(cpu_steps_);
  cpu_steps_.erase(std::unique(cpu_steps_.begin(), cpu_steps_.end()), cpu_steps_.end());
  make_buckets();
  if (requests_ == 0) requests_ = total_weight_;
  const auto percent = [this](std::int64_t gain) {
    return published_percent(static_cast<double>(gain) / static_cast<double>(total_weight_));
  };
  for (int i = 1; i <= 100 && total_weight_ > 0; ++i) {
    const double share = std::min(i / 100.0, 1.0 - 1e-12);
    const double x = std::log(share / (1.0 - share));
    auto gain = static_cast<std::int64_t>(x * 1000.0 * static_cast<double>(total_weight_)) - 2;
    while (i < 100 && percent(gain) < i) ++gain;
    sigmoid_steps_.at(static_cast<std::size_t>(i)) = gain;
  }
}

int Fragmentation::percent(std::int64_t gain) const {
  const auto above = std::upper_bound(sigmoid_steps_.begin() + 1, sigmoid_steps_.end(), gain);
  return static_cast<int>(above - sigmoid_steps_.begin()) - 1;
}

std::optional<int> Fragmentation::published_percent_of(std::int64_t gain) const {
  const int found = percent(gain);
  const auto least = static_cast<std::size_t>(found);
  if (found < 100 && sigmoid_steps_.at(least + 1) == gain + 1) return std::nullopt;
  if (found > 0 && sigmoid_steps_.at(least) == gain) return std::nullopt;
  return found;
}

void Fragmentation::make_buckets() {
  const std::int64_t most = cpu_steps_.empty() ? 0 : std::max<std::int64_t>(cpu_steps_.back(), 0);
  const std::size_t size = std::min(static_cast<std::size_t>(most >> kCpuShift) + 1, kMostBuckets);
  for (std::size_t at = 0; at < size; ++at) {
    // How many steps lie at or below the least amount of this place of the table.
    const auto least = static_cast<std::int64_t>(at << kCpuShift);
    first_bucket_.push_back(static_cast<std::uint32_t>(
        std::upper_bound(cpu_steps_.begin(), cpu_steps_.end(), at == 0 ? -1 : least) -
        cpu_steps_.begin()));
  }
}

int Fragmentation::percent_between(const NodeView& before, const NodeView& after) const {
  return published_percent(published_.measure(before.cards, before.free_cpu_milli) -
                           published_.measure(after.cards, after.free_cpu_milli));
}

void Fragmentation::learn_kinds(std::span<const detail::DeviceKind> kinds,
                                std::span<const std::int64_t> devices) {
  if (kinds_.size() < kinds.size()) {
    for (std::size_t i = kinds_.size(); i < kinds.size(); ++i) learn_kind(kinds[i]);
    make_groups();
    make_published();
  }
  scarcities_ = scarcities(targets_, kinds, devices);
}

/// Weight of the targets that a card of this kind can not serve when it has this much free, the
/// node's cpu being in this bucket; targets of several devices are the groups' while cpu suffices.
std::int64_t Fragmentation::weight_beyond(const detail::DeviceKind& kind, std::size_t bucket,
                                          std::int16_t free) const {
  std::int64_t weight = 0;
  for (const TargetShape& target : targets_) {
    const bool has_cpu = bucket > 0 && target.cpu_milli <= cpu_steps_[bucket - 1];
    if (has_cpu && target.devices && target.devices->count > 1) continue;
    const auto milli = target.devices ? milli_on(*target.devices, kind) : std::nullopt;
    if (!has_cpu || !milli || *milli > free) weight += target.weight;
  }
  return weight;
}

void Fragmentation::learn_kind(const detail::DeviceKind& kind) {
  known_.push_back(kind);
  std::vector<std::int16_t> sizes;
  for (const TargetShape& target : targets_)
    if (target.devices && target.devices->count == 1)
      if (const auto milli = milli_on(*target.devices, kind)) sizes.push_back(*milli);
  std::ranges::sort(sizes);
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  Kind learned;
  learned.steps = sizes.size() + 1;
  for (std::size_t free = 0; free < kMilliValues; ++free)
    learned.step.at(free) = static_cast<std::uint16_t>(
        std::upper_bound(sizes.begin(), sizes.end(), static_cast<std::int16_t>(free)) -
        sizes.begin());
  learned.tail.resize((cpu_steps_.size() + 1) * learned.steps);
  for (std::size_t bucket = 0; bucket <= cpu_steps_.size(); ++bucket)
    for (std::size_t step = 0; step < learned.steps; ++step)
      learned.tail[bucket * learned.steps + step] = static_cast<std::int32_t>(
          weight_beyond(kind, bucket, step == 0 ? std::int16_t{0} : sizes[step - 1]));
  kinds_.push_back(std::move(learned));
}

bool Fragmentation::fits_into_group(const Group& group, const TargetShape& target) const {
  if (group.count != target.devices->count) return false;
  for (std::size_t i = 0; i < known_.size(); ++i)
    if (group.need[i] != milli_on(*target.devices, known_[i]).value_or(kNever)) return false;
  return true;
}

void Fragmentation::make_published() {
  std::vector<MeasuredTarget> measured;
  for (const TargetShape& target : targets_) {
    MeasuredTarget& made = measured.emplace_back();
    made.cpu_milli = target.cpu_milli;
    made.devices = target.devices ? target.devices->count : 0;
    made.weight = target.weight;
    for (const detail::DeviceKind& kind : known_)
      made.need.push_back(target.devices ? milli_on(*target.devices, kind).value_or(kNever)
                                         : kNever);
  }
  published_ = PublishedMeasure(std::move(measured), requests_);
}

void Fragmentation::make_groups() {
  groups_.clear();
  for (const TargetShape& target : targets_) {
    if (!target.devices || target.devices->count <= 1) continue;
    auto group = std::ranges::find_if(
        groups_, [&](const Group& known) { return fits_into_group(known, target); });
    if (group == groups_.end()) {
      Group made{.count = target.devices->count};
      for (const detail::DeviceKind& kind : known_)
        made.need.push_back(milli_on(*target.devices, kind).value_or(kNever));
      made.weight.resize(cpu_steps_.size() + 1);
      groups_.push_back(std::move(made));
      group = groups_.end() - 1;
    }
    for (std::size_t bucket = 1; bucket <= cpu_steps_.size(); ++bucket)
      if (target.cpu_milli <= cpu_steps_[bucket - 1]) group->weight[bucket] += target.weight;
  }
}

std::int64_t Fragmentation::waste(std::uint16_t kind, std::size_t bucket,
                                  std::int32_t milli) const {
  const Kind& known = kinds_[kind];
  const std::size_t step = known.step[static_cast<std::size_t>(milli)];
  return std::int64_t{milli} * known.tail[bucket * known.steps + step];
}

std::int64_t Fragmentation::measure(const CardsView& cards, std::int64_t free_cpu_milli) const {
  const std::size_t bucket = bucket_of(free_cpu_milli);
  std::int64_t sum = 0;
  std::int64_t total = 0;
  const auto count = static_cast<std::uint16_t>(cards.milli.size());
  detail::for_each_card(cards.with_milli, count, [&](std::uint16_t i) {
    sum += waste(cards.kind[i], bucket, cards.milli[i]);
    total += cards.milli[i];
  });
  for (const Group& group : groups_) {
    if (group.weight[bucket] == 0) continue;
    std::int32_t able = 0;
    std::int64_t small = 0;
    detail::for_each_card(cards.with_milli, count, [&](std::uint16_t i) {
      const bool is_able = cards.milli[i] >= group.need[cards.kind[i]];
      able += is_able ? 1 : 0;
      small += is_able ? 0 : cards.milli[i];
    });
    sum += group.weight[bucket] * (able >= group.count ? small : total);
  }
  return sum;
}

Fragmentation::OneCard::OneCard(const Fragmentation& measure, const CardsView& cards,
                                std::int64_t free_cpu_milli)
    : measure_(measure), cards_(cards), bucket_(measure.bucket_of(free_cpu_milli)) {
  detail::for_each_card(cards.with_milli, static_cast<std::uint16_t>(cards.milli.size()),
                        [&](std::uint16_t i) {
                          additive_ += measure.waste(cards.kind[i], bucket_, cards.milli[i]);
                          total_ += cards.milli[i];
                        });
  const std::size_t few = std::min(kFewGroups, measure.groups_.size());
  for (std::size_t at = 0; at < few; ++at) counts_[at] = count(at);
}

Fragmentation::OneCard::Count Fragmentation::OneCard::count(std::size_t group) const {
  const Group& wanted = measure_.groups_[group];
  Count count;
  detail::for_each_card(cards_.with_milli, static_cast<std::uint16_t>(cards_.milli.size()),
                        [&](std::uint16_t i) {
                          const bool is_able = cards_.milli[i] >= wanted.need[cards_.kind[i]];
                          count.able += is_able ? 1 : 0;
                          count.small += is_able ? 0 : cards_.milli[i];
                        });
  return count;
}

std::int64_t Fragmentation::OneCard::with(std::size_t card, std::int32_t after) const {
  const std::int32_t before = cards_.milli[card];
  const std::uint16_t kind = cards_.kind[card];
  std::int64_t sum =
      additive_ - measure_.waste(kind, bucket_, before) + measure_.waste(kind, bucket_, after);
  for (std::size_t at = 0; at < measure_.groups_.size(); ++at) {
    const Group& group = measure_.groups_[at];
    if (group.weight[bucket_] == 0) continue;
    Count now = at < kFewGroups ? counts_[at] : count(at);
    const std::int32_t need = group.need[kind];
    now.able -= before >= need && after < need ? 1 : 0;
    now.small += (after < need ? after : 0) - (before < need ? before : 0);
    const std::int64_t total = total_ - before + after;
    sum += group.weight[bucket_] * (now.able >= group.count ? now.small : total);
  }
  return sum;
}

}  // namespace melon::placement

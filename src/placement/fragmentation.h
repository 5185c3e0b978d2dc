// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "placement/detail/node_table.h"
#include "placement/pod_request.h"
#include "placement/published_measure.h"

namespace melon::placement {

/// A request that the cluster should be able to serve, and how often such requests come.
struct TargetShape {
  std::int64_t cpu_milli = 0;
  std::optional<DeviceDemand> devices = {};  // empty: asks for none
  std::int64_t weight = 0;                   // 1 to kMostWeight in sum over all targets

  bool operator==(const TargetShape&) const = default;
};

/// How much of a node's free device time the target shapes cannot use.
///
/// The measure of "Beware of Fragmentation" (USENIX ATC'23): for one target, all free thousandths
/// of the node if the target does not fit it, else those of the cards that are too small for it;
/// over all targets, the mean by weight. Here it is multiplied by total_weight(), which makes it
/// an exact integer: equal states measure equal, and no rounding decides a tie.
///  I1  For one-device targets the measure is a sum over cards of free * tail(kind, cpu, free): a
///      target that no card can serve finds every card too small.
///  I2  Targets of several devices are counted group by group, since they need enough cards at
///  once.
class Fragmentation {
 public:
  static constexpr std::int64_t kMostWeight = 1 << 20;

  /// `requests`: of how many the targets were chosen; 0: they are all.
  explicit Fragmentation(std::vector<TargetShape> targets, std::int64_t requests = 0);

  /// Prepares for the cluster's kinds of devices, of which the first ones stay as they are, and how
  /// many devices it has of each; must be called when either changes.
  void learn_kinds(std::span<const detail::DeviceKind> kinds,
                   std::span<const std::int64_t> devices);

  std::int64_t total_weight() const { return total_weight_; }
  const std::vector<TargetShape>& targets() const { return targets_; }

  /// Whether two amounts of free CPU measure the same, whatever else is free.
  bool same_cpu(std::int64_t free_cpu_milli, std::int64_t other) const {
    return bucket_of(free_cpu_milli) == bucket_of(other);
  }

  /// What so many thousandths of a device of this kind cost, in the unit of measure(), because
  /// requests that are bound to few kinds will want them: a tenth of them for a scarcity of one. (A
  /// higher price fills the kinds that nobody is bound to until whole devices find no room.)
  std::int64_t price(std::uint16_t kind, std::int32_t milli) const {
    return scarcities_[kind] * total_weight_ * milli / 10'000;
  }

  /// Fragmented thousandths times total_weight().
  std::int64_t measure(const CardsView& cards, std::int64_t free_cpu_milli) const;

  /// What one card could become: measures of a node whose cards are as given but for one.
  class OneCard {
   public:
    OneCard(const Fragmentation& measure, const CardsView& cards, std::int64_t free_cpu_milli);
    /// The measure when the card has this many free thousandths, at most as many as it has.
    std::int64_t with(std::size_t card, std::int32_t after) const;

   private:
    static constexpr std::size_t kFewGroups = 16;
    struct Count {
      std::int32_t able = 0;   // cards that are large enough
      std::int64_t small = 0;  // free thousandths of the others
    };
    Count count(std::size_t group) const;

    const Fragmentation& measure_;
    CardsView cards_;
    std::size_t bucket_;
    std::int64_t additive_ = 0;
    std::int64_t total_ = 0;
    std::array<Count, kFewGroups> counts_;  // of the first groups; there are hardly ever more
  };

  /// A node as it is or could become.
  struct NodeView {
    CardsView cards = {};
    std::int64_t free_cpu_milli = 0;
  };
  /// trunc(100 / (1 + exp(-gain / 1000))) of a gain that was multiplied by total_weight().
  int percent(std::int64_t gain) const;
  /// The same of a gain that was multiplied by total_weight(), as
  /// published: nullopt where the gain is so near to the next percent that the rounding of the
  /// published program decides, which percent_between() repeats.
  std::optional<int> published_percent_of(std::int64_t gain) const;
  int percent_between(const NodeView& before, const NodeView& after) const;

 private:
  static constexpr std::size_t kMilliValues = 1001;
  static constexpr std::int16_t kNever = 32767;
  static constexpr int kCpuShift = 9;                // by 512 thousandths of a core ...
  static constexpr std::size_t kMostBuckets = 4096;  // ... up to 2048 cores

  /// Targets of several devices that want equally many of the same sizes.
  struct Group {
    std::int32_t count = 0;
    std::vector<std::int16_t> need = {};    // by kind; kNever: not accepted
    std::vector<std::int64_t> weight = {};  // by cpu bucket: of those whose cpu demand is met
  };
  struct Kind {
    std::array<std::uint16_t, kMilliValues> step{};  // of a free amount: how many sizes it serves
    std::size_t steps = 1;
    std::vector<std::int32_t> tail = {};  // by bucket and step: weight of targets it can not serve
  };

  std::size_t bucket_of(std::int64_t free_cpu_milli) const {
    const std::int64_t at = std::max<std::int64_t>(free_cpu_milli, 0) >> kCpuShift;
    std::size_t bucket = first_bucket_[std::min<std::size_t>(static_cast<std::size_t>(at),
                                                             first_bucket_.size() - 1)];
    while (bucket < cpu_steps_.size() && cpu_steps_[bucket] <= free_cpu_milli) ++bucket;
    return bucket;
  }
  void make_buckets();
  std::int64_t waste(std::uint16_t kind, std::size_t bucket, std::int32_t milli) const;
  std::int64_t weight_beyond(const detail::DeviceKind& kind, std::size_t bucket,
                             std::int16_t free) const;
  void learn_kind(const detail::DeviceKind& kind);
  void make_groups();
  void make_published();
  bool fits_into_group(const Group& group, const TargetShape& target) const;

  std::vector<TargetShape> targets_;
  std::int64_t total_weight_ = 0;
  std::vector<std::int64_t> cpu_steps_;      // distinct cpu demands, ascending
  std::vector<std::uint32_t> first_bucket_;  // where bucket_of() begins to look
  std::int64_t requests_ = 0;
  PublishedMeasure published_;
  std::vector<detail::DeviceKind> known_;
  std::vector<Kind> kinds_;
  std::vector<std::int64_t> scarcities_;
  std::vector<Group> groups_;
  std::array<std::int64_t, 101> sigmoid_steps_{};  // by percent: the least gain that reaches it
};

/// How scarce each kind is for the targets that are bound to some kinds of a vendor's devices:
/// their device time per device that they may have, in thousandths of the mean device time that all
/// targets ask of a device; of the vendor's least scarce kind 0, and at most kMostScarcity. A
/// target's device time is its weight times what it takes of a device; `devices` is how many there
/// are of each kind.
std::vector<std::int64_t> scarcities(std::span<const TargetShape> targets,
                                     std::span<const detail::DeviceKind> kinds,
                                     std::span<const std::int64_t> devices);
inline constexpr int kMostScarcity = 9000;

/// Whether a demand accepts devices of this kind, their amounts apart.
bool accepts(const DeviceDemand& demand, const detail::DeviceKind& kind);

/// Whether a demand accepts the device of this id, its kind apart.
bool accepts_uuid(const DeviceDemand& demand, const std::string& uuid);

/// What a demand takes of an empty device of this kind; its places are still to be chosen.
Amounts amounts_on(const DeviceDemand& demand, const detail::DeviceKind& kind);

/// What must be free of a device of this kind for the demand to take its share: that share; all
/// slots where it is to be alone; some compute where it takes none and needs some to be left.
Amounts free_on(const DeviceDemand& demand, const detail::DeviceKind& kind);

/// Whether the demand has a device of this kind to itself.
bool is_alone_on(const DeviceDemand& demand, const detail::DeviceKind& kind);

/// How the demand cuts devices of this kind; null where it does not.
const PartitionChoice* partition_on(const DeviceDemand& demand, const detail::DeviceKind& kind);

}  // namespace melon::placement

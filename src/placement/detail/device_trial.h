// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "placement/detail/node_table.h"
#include "placement/detail/quota_use.h"
#include "placement/explain.h"
#include "placement/pod_request.h"
#include "placement/shape.h"

namespace melon::placement::detail {

/// The first rule beside devices that keeps a request off a node.
std::optional<Obstacle> host_obstacle(const Shape& shape, const NodeTable& nodes,
                                      std::uint32_t node);

/// What each device of a node says to one demand, as if it were the only one of its request. Looks
/// at one node after the other, and keeps its room between them.
class DeviceTrial {
 public:
  DeviceTrial(const NodeTable& nodes, const DeviceDemand& demand,
              std::span<const QuotaBound> quotas)
      : nodes_(nodes), demand_(demand), quotas_(quotas) {}

  /// The node that is asked about from now on.
  void look_at(std::uint32_t node);

  /// The first rule that keeps the demand off the node; nothing where enough devices take it.
  std::optional<Obstacle> obstacle() const;

  /// What each device says by itself, in their order.
  std::vector<DeviceAnswer> answers() const;

  /// The most of a dimension that `count` devices have free at once, of those that only this
  /// dimension keeps from taking the demand, or nothing does.
  std::int64_t most_of(std::size_t dimension, std::size_t count) const;
  /// How many devices take it: no more at once than quotas leave.
  std::size_t fitting() const;

 private:
  const Amounts& asked_of(std::size_t card) const;
  const Amounts& free_of(std::size_t card) const;
  std::size_t free_places(std::uint16_t card) const;
  std::optional<Obstacle> set_obstacle(Obstacle obstacle) const;
  Rule rule_of(std::uint16_t card) const;  // kTooFew: none, it takes the demand
  Rule rule_of_amounts(std::uint16_t card) const;
  const QuotaBound* quota_on(std::uint16_t card) const;
  QuotaUse quota_use(std::uint16_t card) const;
  QuotaUse least_use(const QuotaBound& quota, std::size_t count) const;
  bool is_over_quota(std::uint16_t card) const;
  Obstacle quota_of_each(const Obstacle& obstacle) const;
  std::optional<Obstacle> quota_obstacle(const Obstacle& obstacle, std::size_t count) const;
  std::vector<Rule> rules_against(std::size_t of_kind) const;
  std::int32_t offer_of(std::size_t card, std::size_t dimension) const;
  bool lacks(std::size_t card, std::size_t dimension) const;
  bool lacks_only(std::size_t card, std::size_t dimension) const;
  std::size_t largest_group() const;
  std::optional<Obstacle> group_obstacle(Obstacle obstacle) const;
  std::size_t dimension_of(Rule rule) const;
  Obstacle most_common(Obstacle obstacle) const;

  const NodeTable& nodes_;
  const DeviceDemand& demand_;
  std::span<const QuotaBound> quotas_;
  std::uint32_t node_ = 0;
  std::uint32_t first_card_ = 0;
  std::vector<Amounts> asked_ = {};       // by kind of device
  std::vector<Amounts> free_ = {};        // that there must be: free_on()
  std::vector<std::uint8_t> kinds_ = {};  // by kind: whether it is accepted
  std::vector<std::uint16_t> of_kind_ = {};
  std::vector<Rule> rules_ = {};  // of of_kind_
  std::vector<std::uint16_t> fitting_ = {};
};

}  // namespace melon::placement::detail

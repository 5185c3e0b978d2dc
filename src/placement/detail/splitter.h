// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "placement/detail/node_table.h"
#include "placement/index.h"
#include "placement/shape.h"

namespace melon::placement::detail {

/// Why a request that allows it is split on no node, whatever is free there; empty: it may be. One
/// that asks for no device has nothing to split, and says nothing.
std::string_view why_never_split(const Shape& shape);

/// Whether the request allows it, and it may be.
bool may_split(const Shape& shape);

/// Looks for the pieces of one demand on one node after the other.
///
/// Pieces are of devices of one kind that the demand accepts, and of one NUMA node or link group
/// where it binds to one. A piece has the demand's proportions, rounded up, at least what the
/// request wants of a piece, and at most what is asked of one device. Devices that are cut in
/// hardware give none. Of a request for which may_split() is true; neither it nor the nodes are
/// owned.
class Splitter {
 public:
  /// `unused_only`: of devices that nobody is on.
  Splitter(const NodeTable& nodes, const Shape& shape, bool unused_only);

  /// As few pieces of the node as make the demand, by device; none: it can not be split there. The
  /// rest of the node (host, labels, taints) is not looked at. Valid until the next call.
  const std::vector<CardSlice>& pieces_on(std::uint32_t node);

  /// The most that as many pieces as are allowed would give on a node.
  struct Offer {
    std::size_t dimension = kMemory;  // in which they are counted
    std::int64_t asked = 0;           // by all devices of the demand
    std::int64_t most = 0;
  };
  /// Nothing where no device of the node is of a kind that the demand accepts.
  std::optional<Offer> offer_of(std::uint32_t node);

 private:
  /// The demand on one kind of device.
  struct Need {
    bool is_usable = false;
    Amounts each = {};
    std::int32_t compute_left = 0;  // that a device must have, beside what is taken
    std::size_t lead = kMemory;     // the dimension that pieces are counted in
    std::int64_t least = 0;         // of a piece, in it
  };
  struct Part {
    std::uint16_t card = 0;
    std::int64_t most = 0;    // for which there is room
    std::int64_t amount = 0;  // taken
  };

  const DeviceDemand& demand() const { return shape_.steps()[0].demand; }
  Need need_of(const DeviceKind& kind) const;
  const Need& need(std::uint16_t kind);
  std::int16_t group_of(std::size_t card) const;
  bool is_first_of_pool(const NodeRow& row, std::uint16_t card) const;
  std::int64_t largest_piece(std::uint32_t node, std::uint16_t card, const Need& need) const;
  const Need* list_pool(std::uint32_t node, std::uint16_t first);
  bool fill(const Need& need);
  bool is_within_quotas(const std::string& vendor, const std::vector<CardSlice>& pieces) const;

  const NodeTable& nodes_;
  const Shape& shape_;
  const bool unused_only_;
  DeviceDemand piece_;  // what rules of descriptors look at: a piece is never a device alone
  std::vector<std::optional<Need>> needs_ = {};  // by kind
  std::vector<Part> parts_ = {};                 // of the pool that is looked at
  std::vector<CardSlice> pieces_ = {};
  std::vector<CardSlice> best_ = {};
};

}  // namespace melon::placement::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "placement/cluster.h"
#include "placement/detail/booking.h"
#include "placement/detail/change_log.h"
#include "placement/detail/id_table.h"
#include "placement/detail/node_table.h"

namespace melon::placement {

/// What a grant takes of one device.
struct BookedSlice {
  std::string uuid = {};
  Amounts amounts = {};

  bool operator==(const BookedSlice&) const = default;
};

/// All that one pod holds, as whoever watches grants describes it.
struct GrantSpec {
  std::string id = {};
  std::string node = {};
  std::int32_t priority = 0;
  std::string group = {};  // whose disruptions are counted together; empty: nobody's
  HostAmounts host = {};   // pods is not read: a grant counts as one
  std::map<std::string, std::int64_t> extended = {};
  std::vector<HostPort> host_ports = {};
  std::vector<BookedSlice> slices = {};

  bool operator==(const GrantSpec&) const = default;
};

/// A slice of a device by its place on the node: what the engine decides with.
struct CardSlice {
  std::uint16_t card = 0;
  Amounts amounts = {};

  bool operator==(const CardSlice&) const = default;
};

/// A grant as the index keeps it.
struct GrantEntry {
  std::string id = {};
  std::uint32_t node = 0;
  std::uint32_t place_in_node = 0;  // in NodeEntry::grants
  std::int32_t priority = 0;
  detail::TaskClass task = detail::TaskClass::kNone;
  std::uint64_t version = 0;
  HostAmounts host = {};
  std::vector<CardSlice> slices = {};
  std::map<std::string, std::int64_t> extended = {};
  std::vector<HostPort> host_ports = {};
  std::string group = {};
};

/// Who holds what on every device of one cluster.
///
/// Nodes and grants are told of in any order, late and twice; the index is right all the same.
///  I1  A card's room is its bookable capacity minus the sum of the slices on it, in every
///      dimension; a node's free amounts likewise.
///  I2  A fact counts even where it overbooks a card: the room is then negative, so nothing more is
///      placed there. reserve() never overbooks.
///  I3  Of one object only a newer version than the last is applied; so twice is once, and order
///      across objects does not matter. What is gone leaves a tombstone, of the last kTombstones.
///  I4  A grant whose node is not there waits, and counts when the node comes (back).
///  I5  Every change of a node is in the log.
/// A grant: reserved (by the engine, version 0) -> known (by an event) -> gone.
/// Not thread-safe: one owner writes and reads. Copies are snapshots.
class Index {
 public:
  static constexpr std::size_t kTombstones = 1U << 16U;

  /// A node as it is now. Errors: kInvalidArgument when an amount is out of range or a uuid occurs
  /// twice; the node is then as it was.
  Result<> apply(NodeSpec node, std::uint64_t version);
  void remove_node(const std::string& name, std::uint64_t version);

  /// A grant as it is now. Errors: kInvalidArgument, as above.
  Result<> apply(const GrantSpec& grant, std::uint64_t version);
  void remove_grant(const std::string& id, std::uint64_t version);

  /// One device of a node, without telling of the whole node again. Does nothing where it is so.
  void set_cordoned(std::uint32_t node, std::uint16_t card, bool is_cordoned);

  /// Books what the engine decided; the caller has checked that it fits. False when the id is in
  /// use. The entry's id, node, slices and what else the grant holds are set by the caller.
  bool reserve(GrantEntry grant);
  /// Takes a grant back, whatever its version, without a tombstone: for decisions that were not
  /// carried out, and for owners who do not count versions. False when there is none.
  bool release(const std::string& id);

  const detail::NodeTable& nodes() const { return nodes_; }
  const detail::ChangeLog& changes() const { return changes_; }
  /// Of them, those that changed what does not depend on grants: labels, taints, devices.
  const detail::ChangeLog& rule_changes() const { return rule_changes_; }
  /// Changes whenever a node came, went or got another rank or other devices: an order of
  /// nodes, and what was learnt of the devices there are, is then stale.
  std::uint64_t layout() const { return layout_; }
  std::optional<std::uint32_t> find_node(const std::string& name) const;
  const GrantEntry* find_grant(const std::string& id) const;
  const GrantEntry& grant(std::uint32_t slot) const { return grants_[slot]; }
  std::size_t grant_count() const { return grant_slots_.size(); }

  /// What the index says a node and a grant are; for those who copy, save or compare.
  NodeSpec node_spec(std::uint32_t node) const;
  GrantSpec grant_spec(const GrantEntry& grant) const;

  /// Differences between the counters and their sums rebuilt from the grants, a line each; empty
  /// when all is well.
  std::vector<std::string> audit() const;

 private:
  using Versions = std::unordered_map<std::string, std::uint64_t>;
  struct Tombstones {
    Versions versions = {};
    std::deque<std::string> order = {};
    void add(const std::string& name, std::uint64_t version);
    bool covers(const std::string& name, std::uint64_t version) const;
  };

  std::uint32_t slot_for(const NodeSpec& node);
  void write_cards(std::uint32_t node, const NodeSpec& spec);
  void write_entry(std::uint32_t node, const NodeSpec& spec);
  std::uint16_t kind_of(const DeviceSpec& device);
  void detach_all(std::uint32_t node);
  void attach(const GrantSpec& grant, std::uint64_t version);
  void add_entry(GrantEntry grant);
  void drop_entry(std::uint32_t slot);
  void find_lowest(std::uint32_t node);
  void forget_priority(std::uint32_t node, std::int32_t priority);
  void wait(const GrantSpec& grant, std::uint64_t version);
  void stop_waiting(const std::string& id);
  bool waits(const std::string& id) const;
  std::uint64_t version_of_grant(const std::string& id) const;
  std::optional<std::uint32_t> grant_slot(std::string_view id) const {
    return grant_slots_.find(
        id, [this](std::uint32_t slot) { return std::string_view(grants_[slot].id); });
  }
  void count(const GrantEntry& grant, detail::Sign sign);

  detail::NodeTable nodes_;
  detail::ChangeLog changes_;
  detail::ChangeLog rule_changes_;
  std::uint64_t layout_ = 0;
  std::unordered_map<std::string, std::uint32_t> node_slots_;
  Versions node_versions_;
  std::vector<std::uint32_t> free_nodes_;
  std::multimap<std::size_t, std::uint32_t> free_cards_;  // ranges by length

  std::vector<GrantEntry> grants_;
  std::vector<std::uint32_t> free_grants_;
  detail::IdTable grant_slots_;
  /// Grants whose node or one of whose devices is not there, in full.
  struct Waiting {
    GrantSpec spec = {};
    std::uint64_t version = 0;
  };
  std::map<std::string, std::map<std::string, Waiting>> waiting_;  // by node, by id
  std::unordered_map<std::string, std::string> waiting_node_;      // by id
  Tombstones gone_nodes_;
  Tombstones gone_grants_;
};

/// The class of a task by the cards that it takes of a node.
detail::TaskClass task_class(const detail::NodeTable& nodes, const detail::NodeRow& row,
                             const std::vector<CardSlice>& slices);

}  // namespace melon::placement

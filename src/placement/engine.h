// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "placement/detail/rank_tree.h"
#include "placement/detail/scorer.h"
#include "placement/fragmentation.h"
#include "placement/index.h"
#include "placement/policy.h"
#include "placement/shape.h"

namespace melon::placement {

/// Where a request goes: cards by their place on the node. Valid until the node changes.
struct Decision {
  std::uint32_t node = 0;
  Merit merit = 0;
  detail::Layout layout = {};
};

struct EngineOptions {
  /// What the orders of nodes, one for each shape that is asked for, may take together. The one
  /// not asked for longest is dropped first, and made again when it is asked for.
  std::size_t ranking_bytes = std::size_t{256} << 20U;
  /// How many shapes are known before those that nobody holds any more are forgotten.
  std::size_t shapes = 4096;
};

/// Decides where requests go, over the nodes and grants of an Index.
///
/// For each shape and policy there is a ranking: a tournament over the merits of all nodes. Nodes
/// that changed since the shape was last asked for are scored again, then the root is the answer;
/// so what a decision costs depends on how much changed, and hardly on how many nodes there are.
///  I1  The answer is that of scoring every node: a merit depends on the node's state and the
///      shape alone, and every change of a node is in the index's log.
///  I2  Of equal merits the node of lowest rank wins, then the name: no matter in which order
///      nodes became known.
///  I3  What is placed fits in every dimension, now; commit() books it.
/// Not thread-safe. Deterministic; chance comes from the caller.
class Engine {
 public:
  explicit Engine(EngineOptions options = {}) : options_(options), scorer_(index_.nodes()) {}
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Events go in here; grants may also be booked by commit().
  Index& index() { return index_; }
  const Index& index() const { return index_; }

  /// What the cluster should be able to serve: needed by the policies that measure fragmentation.
  /// `requests`: of how many the targets were chosen; 0: they are all.
  void set_targets(std::vector<TargetShape> targets, std::int64_t requests = 0);

  /// The request's shape: the same object for equal shapes, as long as someone holds it.
  std::shared_ptr<const Shape> shape(const PodRequest& request);

  /// The best node for a shape, or nothing where none fits. A policy that needs targets acts as
  /// binpack where there are none; one that draws lots needs `draw`.
  std::optional<Decision> place(const Shape& shape, const Policy& policy, const Draw& draw = {});

  /// place(), and where nothing fits and the request allows it, its demand split into pieces on one
  /// node: as few as there can be on some node, then the best merit, then the lowest rank. Looks at
  /// every node. Where it is not split, explain_split() says why.
  std::optional<Decision> place_or_split(const Shape& shape, const Policy& policy,
                                         const Draw& draw = {});

  /// Whether a shape may fit on another node than this: certain, but of one that may be split.
  bool fits_beside(const Shape& shape, const Policy& policy, std::uint32_t node);

  /// Books a decision for a grant that has all but node and slices. False when its id is in use.
  bool commit(GrantEntry grant, const Shape& shape, const Decision& decision);

  /// Fragmented thousandths of all nodes times the targets' total weight; 0 without targets.
  std::int64_t fragmentation();
  std::int64_t fragmentation_weight() const { return measure_ ? measure_->total_weight() : 1; }

  /// All nodes by rank, then name: of equals the first wins.
  std::span<const std::uint32_t> in_order() {
    catch_up();
    return order_;
  }

  std::size_t ranking_bytes() const { return ranking_bytes_; }

 private:
  struct Ranking {
    std::uint64_t key = 0;
    detail::RankTree tree = {};
    std::uint64_t seen = 0;        // position in the log of changes
    std::uint64_t seen_rules = 0;  // and in that of rules
    std::uint64_t layout = 0;
    std::vector<std::uint8_t> labels = {};  // by node: 0 not known, 1 hold, 2 do not
  };
  using Rankings = std::list<Ranking>;

  const Policy& effective(const Policy& policy) const;
  void catch_up();
  void order_nodes();
  void learn_kinds();
  void measure_node(std::uint32_t node);
  Ranking& ranking(const Shape& shape, const Policy& policy);
  Ranking& refreshed(const Shape& shape, const Policy& policy);
  void refresh(Ranking& ranking, const Shape& shape);
  void lay_out(Ranking& ranking, const Shape& shape);
  void fetch_row(std::uint32_t node) const;
  void rescore(Ranking& ranking, const Shape& shape, std::size_t first, std::size_t last);
  Merit score(Ranking& ranking, const Shape& shape, std::uint32_t node);
  bool labels_hold(Ranking& ranking, const Shape& shape, std::uint32_t node);
  void drop_oldest();
  std::optional<std::uint32_t> winner(const Ranking& ranking, const Policy& policy,
                                      const Draw& draw) const;

  EngineOptions options_;
  Index index_;
  std::optional<Fragmentation> measure_;
  detail::Scorer scorer_;

  // What is derived from the index: caught up before every decision.
  std::uint64_t seen_ = 0;
  std::uint64_t ordered_layout_ = ~std::uint64_t{0};
  std::vector<std::uint32_t> order_;        // nodes by rank and name
  std::vector<std::uint32_t> position_of_;  // of each node in it
  std::vector<std::int64_t> measured_;      // fragmentation by node
  std::int64_t measured_sum_ = 0;
  std::vector<std::uint32_t> changed_;  // scratch of refresh()

  Rankings rankings_;  // asked for last comes first
  std::unordered_map<std::uint64_t, Rankings::iterator> ranking_of_;
  std::size_t ranking_bytes_ = 0;
  std::unordered_map<std::string, std::weak_ptr<const Shape>> shapes_;
  std::uint64_t next_shape_ = 1;
};

}  // namespace melon::placement

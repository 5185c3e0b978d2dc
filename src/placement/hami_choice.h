// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "placement/engine.h"

namespace melon::placement {

/// What a namespace may still have of one vendor's devices, over all of them. Empty: no limit.
struct QuotaLeft {
  std::optional<std::int64_t> memory_mib = {};
  std::optional<std::int64_t> compute = {};

  bool operator==(const QuotaLeft&) const = default;
};

/// How HAMi was told to choose, by its flags and a pod's annotations.
struct HamiOptions {
  bool is_210 = false;  // 2.10; else 2.9
  bool spreads_nodes = false;
  bool spreads_cards = true;
  bool numa_first = false;                                    // 2.10
  bool unused_only = false;                                   // 2.10: mutex
  bool links_first = false;                                   // topology-aware
  CardWeights weights = {.slot = 1, .core = 1, .memory = 1};  // 2.10
  std::map<std::string, QuotaLeft> quota = {};                // by vendor

  bool operator==(const HamiOptions&) const = default;
};

/// What is booked of a card, and what it has: as HAMi's scores look at it.
struct CardUsage {
  Amounts used = {};
  Amounts total = {};
};

/// 10 x the shares of slots, compute and memory in use, summed over the cards of a node, before
/// anything is placed; 0 where nothing of one of them is there.
double hami_node_score(std::span<const CardUsage> cards);

/// 10 x the weighted shares of one card in use, with what a container asks of cards of its type; 0
/// where the card has none of one of them.
double hami_card_score(const CardUsage& card, const Amounts& asked, const CardWeights& weights);

/// Why some nodes do not take a pod, in HAMi's words: "1/4 CardTypeMismatch, 3/4 CardNotHealth".
struct HamiFailure {
  std::string text = {};
  std::int64_t nodes = 0;
  std::string example = {};
};

struct HamiAnswer {
  std::optional<Decision> decision = {};
  std::vector<HamiFailure> failures = {};  // where there is none: of all nodes, most nodes first
};

/// Chooses as HAMi does: the node by what is on it before, then container by container the first
/// cards in its order that pass its checks, without looking back. What HAMi leaves to chance, which
/// of equal nodes, goes by rank and name; what it leaves to kube-scheduler is asked first. Books
/// nothing.
///
/// HAMi asks every node for every pod. Here what a request found is remembered, and of the same
/// request only nodes that changed are asked again: the first time takes time in proportion to the
/// cards, the next in proportion to what changed. One thread.
class HamiChooser {
 public:
  /// The index is read at every call, and outlives the chooser.
  explicit HamiChooser(const Index& index) : index_(index) {}

  HamiAnswer choose(const std::shared_ptr<const Shape>& shape, const HamiOptions& options);

 private:
  /// What one request found on every node.
  struct Found {
    static constexpr std::int32_t kFits = -1;
    static constexpr std::int32_t kAbsent = -2;

    std::shared_ptr<const Shape> shape = {};  // kept, so that the engine gives it out again
    HamiOptions options = {};
    std::uint64_t layout = 0;            // of the index
    std::uint64_t changes = 0;           // how far its log was read
    std::uint64_t last_asked = 0;        // by asked_
    std::vector<double> scores = {};     // by node
    std::vector<std::int32_t> why = {};  // by node: kFits, kAbsent, or which of the texts
    std::vector<std::string> texts = {};
    std::unordered_map<std::string, std::int32_t> text_numbers = {};
  };

  Found& found_for(const std::shared_ptr<const Shape>& shape, HamiOptions options);
  void bring_up_to_date(Found& found) const;
  void ask(std::uint32_t node, Found& found) const;
  std::optional<std::uint32_t> best_of(const Found& found) const;
  std::vector<HamiFailure> failures_of(const Found& found) const;

  const Index& index_;
  std::vector<Found> known_ = {};
  std::uint64_t asked_ = 0;
};

}  // namespace melon::placement

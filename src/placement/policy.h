// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

#include "placement/detail/node_table.h"

namespace melon::placement {

/// Chance, for the policies that draw lots: any number below the bound.
using Draw = std::function<std::size_t(std::size_t bound)>;

/// How much a policy likes a node for a request: the largest wins, of equals the lowest rank.
using Merit = std::int32_t;
/// Of a node that does not fit.
inline constexpr Merit kUnfit = std::numeric_limits<Merit>::min();

/// A node, and what a request would take of it: all that a policy may look at, so that a merit
/// depends on the node's state and the request's shape alone.
struct Trial {
  const detail::NodeRow& node;
  std::span<const std::int16_t> milli;  // free thousandths of its cards, before
  HostAmounts host = {};                // taken
  std::int32_t milli_taken = 0;         // of all cards
  std::int32_t cards_taken = 0;
  std::int32_t tightest = 1000;  // free thousandths, before, of the fullest card taken
  detail::TaskClass task = detail::TaskClass::kNone;  // not set where each card is tried
  int gain_percent = 50;  // of the sigmoid of less fragmentation; only where a policy asks
};

/// Which cards of a node are taken first.
enum class CardOrder {
  kTightest,   // the least free
  kEmptiest,   // the most free
  kLeastLeft,  // where a slice leaves the least memory, then the least compute
  kMerit,      // each card is tried, and the first of the best merit wins
  kDrawn,      // by lot, where the caller brings chance; else the first ones
};

/// How much of a card's fullness slots, compute and memory in use make out.
struct CardWeights {
  std::uint8_t slot = 0;
  std::uint8_t core = 0;
  std::uint8_t memory = 0;

  bool operator==(const CardWeights&) const = default;
};

/// One way to choose. Adding a policy is one function and one line of the table.
struct Policy {
  std::string_view name;
  std::string_view text;  // one line for people
  CardOrder cards;
  bool uses_gain = false;
  // The merit depends on the cards that are taken, and not on the node alone.
  bool asks_for_cards = false;
  bool is_lottery = false;  // every node that fits is as likely; needs chance from the caller
  Merit (*merit)(const Trial& trial);
  bool links_first = false;  // cards that are well linked, or of one group, before any order
  bool as_published =
      false;  // the gain: rounded as in the published program, and nothing has a price
  bool numa_first = false;   // cards of one NUMA node before any order
  bool unused_only = false;  // no card that somebody is on
  CardWeights weights = {};  // all 0: cards are as full as what they have least of

  /// Different for policies that may decide differently.
  std::uint64_t key() const;
  /// Whether single cards are taken in their order, and that is all.
  bool is_plain() const {
    return !links_first && !numa_first && !unused_only && weights == CardWeights{} &&
           cards != CardOrder::kLeastLeft;
  }
};

/// All policies, in the order of the documents.
std::span<const Policy> policies();
/// Null when there is none of this name.
const Policy* find_policy(std::string_view name);

/// A policy as it was asked for.
struct NamedPolicy {
  std::string name = {};
  Policy policy;
};

/// NODE, NODE/CARDS or NODE/CARDS:WEIGHTS. NODE is a name of the table: it chooses the node, and
/// alone the cards as well. CARDS is a list with commas, the strongest first: one order (binpack,
/// spread, or that of NODE), and topology, numa and mutex before it. WEIGHTS are as in
/// parse_weights(). Errors: kInvalidArgument naming the word and what there is.
Result<NamedPolicy> parse_policy(std::string_view text);

/// "slot=1,core=1,memory=3": each once, from 0 to 255, not all 0. Errors: kInvalidArgument.
Result<CardWeights> parse_weights(std::string_view text);

}  // namespace melon::placement

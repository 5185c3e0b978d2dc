// SPDX-License-Identifier: Apache-2.0
// Reads policies as people write them: a node's and a card's, chains, weights.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <vector>

#include "placement/policy.h"

namespace melon::placement {
namespace {

std::vector<std::string_view> parts_of(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    std::string_view part = text.substr(0, end);
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    parts.push_back(part);
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string known_names() {
  std::string names;
  for (const Policy& policy : policies())
    names += fmt::format("{}{}", names.empty() ? "" : ", ", policy.name);
  return names;
}

tl::unexpected<Error> bad_cards(std::string_view word, std::string_view why) {
  return fail(Code::kInvalidArgument, fmt::format("policy of cards '{}': {}", word, why),
              "write one of binpack and spread behind any of topology, numa and mutex");
}

/// Adds one word of a chain; true when it is an order.
Result<bool> add_word(std::string_view word, Policy& policy) {
  if (word == "topology" || word == "topology-aware") {
    policy.links_first = true;
  } else if (word == "numa") {
    policy.numa_first = true;
  } else if (word == "mutex") {
    policy.unused_only = true;
  } else if (word == "binpack" || word == "spread") {
    policy.cards = word == "binpack" ? CardOrder::kTightest : CardOrder::kEmptiest;
    return true;
  } else if (word == policy.name) {
    return true;  // its own order of cards
  } else {
    return bad_cards(word, "there is none of this name for cards");
  }
  return false;
}

/// Of a node's policy alone, the cards are chosen as it does; with a chain, as the chain says.
Result<> set_cards(std::string_view chain, Policy& policy) {
  policy.links_first = policy.numa_first = policy.unused_only = false;
  bool is_ordered = false;
  for (const std::string_view word : parts_of(chain, ',')) {
    if (is_ordered) return bad_cards(word, "it stands behind the order, and would never be asked");
    MELON_TRY(is_ordered, add_word(word, policy));
  }
  // A node that is chosen by trying each card gets just these cards, which merit alone may not.
  if (!is_ordered && policy.cards == CardOrder::kMerit && !policy.is_plain())
    policy.cards = CardOrder::kTightest;
  policy.asks_for_cards = policy.asks_for_cards || policy.uses_gain;
  return {};
}

}  // namespace

std::uint64_t Policy::key() const {
  const auto all = policies();
  const auto at = std::ranges::find(all, name, &Policy::name) - all.begin();
  std::uint64_t key = static_cast<std::uint64_t>(at) << 3U | static_cast<std::uint64_t>(cards);
  for (const bool flag : {links_first, numa_first, unused_only}) key = key << 1U | (flag ? 1U : 0U);
  for (const std::uint8_t weight : {weights.slot, weights.core, weights.memory})
    key = key << 8U | weight;
  return key;
}

namespace {

/// One NAME=NUMBER into its weight; what is wrong with it, or nothing.
std::string_view read_weight(std::string_view part, CardWeights& weights,
                             std::set<std::string_view>& seen) {
  const auto sides = parts_of(part, '=');
  if (sides.size() != 2) return "no NAME=NUMBER";
  std::uint8_t* weight = nullptr;
  if (sides[0] == "slot") weight = &weights.slot;
  if (sides[0] == "core") weight = &weights.core;
  if (sides[0] == "memory") weight = &weights.memory;
  if (weight == nullptr || !seen.insert(sides[0]).second) return "a name is not known, or twice";
  const char* const end = sides[1].data() + sides[1].size();
  const auto [rest, error] = std::from_chars(sides[1].data(), end, *weight);
  return error != std::errc{} || rest != end ? "a number is not from 0 to 255" : "";
}

}  // namespace

Result<CardWeights> parse_weights(std::string_view text) {
  CardWeights weights;
  std::set<std::string_view> seen;
  const auto wrong = [&](std::string_view why) {
    return fail(Code::kInvalidArgument, fmt::format("weights '{}': {}", text, why),
                "write all three, as in slot=1,core=1,memory=3, from 0 to 255, not all 0");
  };
  for (const std::string_view part : parts_of(text, ','))
    if (const auto problem = read_weight(part, weights, seen); !problem.empty())
      return wrong(problem);
  if (seen.size() != 3) return wrong("one of three is missing");
  if (weights == CardWeights{}) return wrong("all are 0");
  return weights;
}

Result<NamedPolicy> parse_policy(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view levels = text.substr(0, colon);
  const std::size_t slash = levels.find('/');
  const Policy* const of_node = find_policy(levels.substr(0, slash));
  if (of_node == nullptr)
    return fail(Code::kInvalidArgument,
                fmt::format("policy '{}': there is none of this name", levels.substr(0, slash)),
                "use one of " + known_names() + ", or NODE/CARDS as in binpack/numa,spread");
  NamedPolicy named{.name = std::string(text), .policy = *of_node};
  if (slash != std::string_view::npos)
    MELON_RETURN_IF_ERROR(set_cards(levels.substr(slash + 1), named.policy));
  if (colon != std::string_view::npos) {
    if (named.policy.cards != CardOrder::kTightest && named.policy.cards != CardOrder::kEmptiest)
      return bad_cards(text, "weights need cards in the order of binpack or spread");
    MELON_TRY(named.policy.weights, parse_weights(text.substr(colon + 1)));
  }
  return named;
}

}  // namespace melon::placement

// SPDX-License-Identifier: Apache-2.0
// HAMi's scores of nodes and cards, and its choice of a node.
#include "placement/hami_choice.h"

#include <algorithm>
#include <tuple>
#include <variant>

#include "placement/detail/device_trial.h"
#include "placement/detail/hami_node.h"
#include "placement/explain.h"

namespace melon::placement {
namespace {

double share(std::int64_t used, std::int64_t total) {
  return static_cast<double>(used) / static_cast<double>(total);
}

/// Collects why nodes do not fit, alike ones together.
class Failures {
 public:
  void add(const std::string& text, const std::string& node) {
    HamiFailure& failure = by_text_.try_emplace(text, HamiFailure{.text = text}).first->second;
    if (failure.nodes++ == 0 || node < failure.example) failure.example = node;
  }

  std::vector<HamiFailure> take() {
    std::vector<HamiFailure> failures;
    for (auto& [text, failure] : by_text_) failures.push_back(std::move(failure));
    std::ranges::stable_sort(failures, std::ranges::greater{}, &HamiFailure::nodes);
    return failures;
  }

 private:
  std::map<std::string, HamiFailure> by_text_;
};

}  // namespace

double hami_node_score(std::span<const CardUsage> cards) {
  std::array<std::int64_t, kFirstExtra> used{};
  std::array<std::int64_t, kFirstExtra> total{};
  for (const CardUsage& card : cards)
    for (std::size_t i = 0; i < kFirstExtra; ++i) {
      used.at(i) += card.used[i];
      total.at(i) += card.total[i];
    }
  double sum = 0;
  for (std::size_t i = 0; i < kFirstExtra; ++i) {
    if (total.at(i) <= 0) return 0;
    sum += share(used.at(i), total.at(i));
  }
  return 10 * sum;
}

double hami_card_score(const CardUsage& card, const Amounts& asked, const CardWeights& weights) {
  const std::array<std::uint8_t, kFirstExtra> of = {weights.slot, weights.memory, weights.core};
  double sum = 0;
  for (std::size_t i = 0; i < kFirstExtra; ++i) {
    if (card.total[i] <= 0) return 0;
    sum += of.at(i) * share(std::int64_t{card.used[i]} + asked[i], card.total[i]);
  }
  return 10 * sum;
}

namespace {

/// A node that takes the request: how, and what it scored before.
struct Fit {
  detail::Layout layout = {};
  double score = 0;
};

/// Lays the request onto a node; why not, where it does not fit.
std::variant<Fit, std::string> fit_on(const detail::NodeTable& nodes, std::uint32_t node,
                                      const Shape& shape, const HamiOptions& options) {
  if (const auto obstacle = detail::host_obstacle(shape, nodes, node)) return to_text(*obstacle);
  if (nodes.rows[node].cards == 0 && !shape.steps().empty()) return "node unregistered";
  detail::HamiNode tried(nodes, node, shape, options);
  if (auto layout = tried.fit()) return Fit{std::move(*layout), tried.score()};
  return tried.reasons();
}

}  // namespace

HamiAnswer choose_as_hami(const Index& index, const Shape& shape, const HamiOptions& options) {
  const detail::NodeTable& nodes = index.nodes();
  HamiAnswer answer;
  Failures failures;
  using Key = std::tuple<double, std::uint32_t, std::string_view>;  // the least wins
  std::optional<Key> best;
  for (std::uint32_t node = 0; node < nodes.entries.size(); ++node) {
    const detail::NodeEntry& entry = nodes.entries[node];
    if (!entry.present) continue;
    auto tried = fit_on(nodes, node, shape, options);
    if (const auto* const why = std::get_if<std::string>(&tried)) {
      failures.add(*why, entry.name);
      continue;
    }
    Fit& fit = std::get<Fit>(tried);
    const Key key(options.spreads_nodes ? fit.score : -fit.score, entry.rank, entry.name);
    if (best && *best < key) continue;
    best = key;
    answer.decision = Decision{.node = node, .layout = std::move(fit.layout)};
  }
  answer.failures = failures.take();
  return answer;
}

}  // namespace melon::placement

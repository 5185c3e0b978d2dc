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

/// What is remembered of all requests together, in nodes.
constexpr std::size_t kMostRemembered = 2'000'000;

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

/// The most that a request can take of a vendor's devices in one dimension, whichever it gets.
std::int64_t most_of(const detail::NodeTable& nodes, const Shape& shape, const std::string& vendor,
                     Dimension dimension) {
  std::int64_t sum = 0;
  for (const Shape::Step& step : shape.steps()) {
    if (step.demand.vendor != vendor) continue;
    std::int64_t most = 0;
    for (const detail::DeviceKind& kind : nodes.kinds)
      most = std::max<std::int64_t>(most, amounts_on(step.demand, kind)[dimension]);
    sum += most * step.demand.count;
  }
  return sum;
}

/// Without the quotas that leave more than the request can take: those change with every pod of
/// their namespace, and decide nothing.
HamiOptions without_ample_quotas(const detail::NodeTable& nodes, const Shape& shape,
                                 HamiOptions options) {
  std::erase_if(options.quota, [&](const auto& one) {
    const auto& [vendor, left] = one;
    const auto is_ample = [&, &of = vendor](const std::optional<std::int64_t>& amount,
                                            Dimension dimension) {
      return !amount || *amount >= most_of(nodes, shape, of, dimension);
    };
    return is_ample(left.memory_mib, kMemory) && is_ample(left.compute, kCompute);
  });
  return options;
}

}  // namespace

HamiChooser::Found& HamiChooser::found_for(const std::shared_ptr<const Shape>& shape,
                                           HamiOptions options) {
  ++asked_;
  for (Found& found : known_)
    if (found.shape == shape && found.options == options) return found;
  const std::size_t nodes = std::max<std::size_t>(1, index_.nodes().entries.size());
  if (known_.size() >= std::max<std::size_t>(1, kMostRemembered / nodes))
    known_.erase(std::ranges::min_element(known_, {}, &Found::last_asked));
  known_.push_back({.shape = shape, .options = std::move(options)});
  return known_.back();
}

void HamiChooser::ask(std::uint32_t node, Found& found) const {
  const detail::NodeTable& nodes = index_.nodes();
  if (!nodes.entries[node].present) {
    found.why[node] = Found::kAbsent;
    return;
  }
  const auto tried = fit_on(nodes, node, *found.shape, found.options);
  if (const auto* const fit = std::get_if<Fit>(&tried)) {
    found.why[node] = Found::kFits;
    found.scores[node] = fit->score;
    return;
  }
  const std::string& text = std::get<std::string>(tried);
  const auto [number, is_new] =
      found.text_numbers.try_emplace(text, static_cast<std::int32_t>(found.texts.size()));
  if (is_new) found.texts.push_back(text);
  found.why[node] = number->second;
}

void HamiChooser::bring_up_to_date(Found& found) const {
  const std::size_t nodes = index_.nodes().entries.size();
  // Texts with amounts are others after every change; those that nobody says any more add up.
  const bool may_go_on = found.why.size() == nodes && found.layout == index_.layout() &&
                         found.texts.size() <= 2 * nodes;
  const auto again = [&](std::uint32_t node) { ask(node, found); };
  if (!may_go_on || !index_.changes().for_each_since(found.changes, again)) {
    found.texts.clear();
    found.text_numbers.clear();
    found.why.assign(nodes, Found::kAbsent);
    found.scores.assign(nodes, 0);
    for (std::uint32_t node = 0; node < nodes; ++node) again(node);
  }
  found.layout = index_.layout();
  found.changes = index_.changes().end();
  found.last_asked = asked_;
}

std::optional<std::uint32_t> HamiChooser::best_of(const Found& found) const {
  const detail::NodeTable& nodes = index_.nodes();
  const double sign = found.options.spreads_nodes ? 1 : -1;
  const auto key = [&](std::uint32_t node) {  // the least wins
    const detail::NodeEntry& entry = nodes.entries[node];
    return std::tuple(sign * found.scores[node], entry.rank, std::string_view(entry.name));
  };
  std::optional<std::uint32_t> best;
  for (std::uint32_t node = 0; node < found.why.size(); ++node) {
    if (found.why[node] != Found::kFits) continue;
    if (best && sign * found.scores[node] > sign * found.scores[*best]) continue;
    if (!best || key(node) < key(*best)) best = node;
  }
  return best;
}

std::vector<HamiFailure> HamiChooser::failures_of(const Found& found) const {
  std::map<std::string_view, HamiFailure> by_text;
  for (std::uint32_t node = 0; node < found.why.size(); ++node) {
    if (found.why[node] < 0) continue;
    const std::string& text = found.texts[static_cast<std::size_t>(found.why[node])];
    const std::string& name = index_.nodes().entries[node].name;
    HamiFailure& failure = by_text.try_emplace(text, HamiFailure{.text = text}).first->second;
    if (failure.nodes++ == 0 || name < failure.example) failure.example = name;
  }
  std::vector<HamiFailure> failures;
  for (auto& [text, failure] : by_text) failures.push_back(std::move(failure));
  std::ranges::stable_sort(failures, std::ranges::greater{}, &HamiFailure::nodes);
  return failures;
}

HamiAnswer HamiChooser::choose(const std::shared_ptr<const Shape>& shape,
                               const HamiOptions& options) {
  const detail::NodeTable& nodes = index_.nodes();
  Found& found = found_for(shape, without_ample_quotas(nodes, *shape, options));
  bring_up_to_date(found);
  const auto best = best_of(found);
  if (!best) return {.failures = failures_of(found)};
  auto fit = fit_on(nodes, *best, *shape, found.options);
  return {.decision = Decision{.node = *best, .layout = std::move(std::get<Fit>(fit).layout)}};
}

}  // namespace melon::placement

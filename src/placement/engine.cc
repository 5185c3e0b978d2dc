// SPDX-License-Identifier: Apache-2.0
// Keeps a ranking of all nodes for each shape, and answers from its root.
#include "placement/engine.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "placement/detail/splitter.h"
#include "placement/rules.h"

namespace melon::placement {
namespace {

constexpr std::uint32_t kNowhere = ~std::uint32_t{0};
constexpr std::size_t kBatch = 16;  // nodes whose memory is asked for at once

std::uint64_t key_of(const Shape& shape, const Policy& policy) {
  constexpr unsigned kPolicyBits = 34;
  return shape.id() << kPolicyBits ^ policy.key();
}

}  // namespace

void Engine::set_targets(std::vector<TargetShape> targets, std::int64_t requests) {
  measure_.emplace(std::move(targets), requests);
  learn_kinds();
  scorer_.measure_with(*measure_);
  rankings_.clear();
  ranking_of_.clear();
  ranking_bytes_ = 0;
  measured_.clear();
  measured_sum_ = 0;
  seen_ = 0;
  catch_up();
}

std::shared_ptr<const Shape> Engine::shape(const PodRequest& request) {
  if (shapes_.size() > options_.shapes)
    std::erase_if(shapes_, [](const auto& known) { return known.second.expired(); });
  std::weak_ptr<const Shape>& known = shapes_[shape_key(shape_of(request))];
  if (auto shape = known.lock()) return shape;
  auto made = std::make_shared<const Shape>(request, next_shape_++);
  known = made;
  return made;
}

const Policy& Engine::effective(const Policy& policy) const {
  return policy.uses_gain && !measure_ ? *find_policy("binpack") : policy;
}

void Engine::learn_kinds() {
  const detail::NodeTable& nodes = index_.nodes();
  std::vector<std::int64_t> devices(nodes.kinds.size());
  for (const detail::NodeRow& row : nodes.rows)
    for (const std::uint16_t kind : nodes.kind_of(row)) ++devices[kind];
  measure_->learn_kinds(nodes.kinds, devices);
}

void Engine::measure_node(std::uint32_t node) {
  const detail::NodeTable& nodes = index_.nodes();
  const detail::NodeRow& row = nodes.rows[node];
  if (node >= measured_.size()) measured_.resize(nodes.rows.size());
  const std::int64_t now =
      measure_->measure({nodes.milli_of(row), nodes.kind_of(row)}, row.free.cpu_milli);
  measured_sum_ += now - measured_[node];
  measured_[node] = now;
}

void Engine::order_nodes() {
  const detail::NodeTable& nodes = index_.nodes();
  order_.clear();
  for (std::uint32_t node = 0; node < nodes.rows.size(); ++node)
    if (nodes.entries[node].present) order_.push_back(node);
  std::ranges::sort(order_, {}, [&nodes](std::uint32_t node) {
    const detail::NodeEntry& entry = nodes.entries[node];
    return std::tuple(entry.rank, std::string_view(entry.name));
  });
  position_of_.assign(nodes.rows.size(), kNowhere);
  for (std::uint32_t i = 0; i < order_.size(); ++i) position_of_[order_[i]] = i;
  ordered_layout_ = index_.layout();
}

void Engine::catch_up() {
  if (ordered_layout_ != index_.layout()) {
    order_nodes();
    if (measure_) learn_kinds();
  }
  if (measure_) {
    const bool known =
        index_.changes().for_each_since(seen_, [this](std::uint32_t node) { measure_node(node); });
    for (std::uint32_t node = 0; !known && node < index_.nodes().rows.size(); ++node)
      measure_node(node);
  }
  seen_ = index_.changes().end();
}

std::int64_t Engine::fragmentation() {
  catch_up();
  return measured_sum_;
}

Engine::Ranking& Engine::ranking(const Shape& shape, const Policy& policy) {
  const std::uint64_t key = key_of(shape, policy);
  if (const auto known = ranking_of_.find(key); known != ranking_of_.end()) {
    rankings_.splice(rankings_.begin(), rankings_, known->second);
    return rankings_.front();
  }
  rankings_.emplace_front();
  rankings_.front().key = key;
  rankings_.front().layout = ordered_layout_ - 1;  // not this one: to be built
  ranking_of_.emplace(key, rankings_.begin());
  return rankings_.front();
}

void Engine::drop_oldest() {
  while (ranking_bytes_ > options_.ranking_bytes && rankings_.size() > 1) {
    const Ranking& oldest = rankings_.back();
    ranking_bytes_ -= oldest.tree.bytes() + oldest.labels.capacity();
    ranking_of_.erase(oldest.key);
    rankings_.pop_back();
  }
}

bool Engine::labels_hold(Ranking& ranking, const Shape& shape, std::uint32_t node) {
  std::uint8_t& known = ranking.labels[node];
  if (known == 0)
    known = placement::labels_hold(shape.request(), index_.nodes().entries[node].labels) ? 1 : 2;
  return known == 1;
}

Merit Engine::score(Ranking& ranking, const Shape& shape, std::uint32_t node) {
  if (shape.has_label_rules() && !labels_hold(ranking, shape, node)) return kUnfit;
  return scorer_.score(node, measure_ ? measured_[node] : 0, nullptr);
}

/// Makes room for all nodes, none of which fits yet.
void Engine::lay_out(Ranking& ranking, const Shape& shape) {
  ranking_bytes_ -= ranking.tree.bytes() + ranking.labels.capacity();
  ranking.tree.reset(order_.size());
  ranking.labels.assign(shape.has_label_rules() ? index_.nodes().rows.size() : 0, 0);
  ranking.layout = ordered_layout_;
  ranking_bytes_ += ranking.tree.bytes() + ranking.labels.capacity();
  drop_oldest();
}

void Engine::fetch_row(std::uint32_t node) const {
  const char* const row = reinterpret_cast<const char*>(&index_.nodes().rows[node]);
  __builtin_prefetch(row);
  __builtin_prefetch(row + 64);
  __builtin_prefetch(&position_of_[node]);
  if (measure_) __builtin_prefetch(&measured_[node]);
}

/// Scores again the nodes from changed_[first] on, up to `last`. What this takes is mostly waiting
/// for memory: so it is asked for one pass ahead, and what its row alone keeps from fitting is told
/// apart before its cards are read.
void Engine::rescore(Ranking& ranking, const Shape& shape, std::size_t first, std::size_t last) {
  const std::size_t ahead = std::min(changed_.size(), 2 * last - first);
  for (std::size_t i = last; i < ahead; ++i) fetch_row(changed_[i]);
  for (std::size_t i = first; i < last; ++i) ranking.tree.fetch(position_of_[changed_[i]]);
  std::array<bool, kBatch> may_fit{};
  for (std::size_t i = first; i < last; ++i) {
    may_fit[i - first] = scorer_.may_fit(changed_[i]);
    if (may_fit[i - first]) scorer_.fetch(changed_[i]);
  }
  for (std::size_t i = first; i < last; ++i) {
    const std::uint32_t node = changed_[i];
    ranking.tree.set(position_of_[node], may_fit[i - first] ? score(ranking, shape, node) : kUnfit);
  }
}

void Engine::refresh(Ranking& ranking, const Shape& shape) {
  bool known = ranking.layout == ordered_layout_;
  if (!known) lay_out(ranking, shape);
  if (known && !ranking.labels.empty() &&
      !index_.rule_changes().for_each_since(ranking.seen_rules,
                                            [&](std::uint32_t node) { ranking.labels[node] = 0; }))
    std::ranges::fill(ranking.labels, std::uint8_t{0});
  changed_.clear();
  if (known)
    known = index_.changes().for_each_since(
        ranking.seen, [this](std::uint32_t node) { changed_.push_back(node); });
  if (!known) changed_ = order_;
  for (std::size_t i = 0; i < std::min(kBatch, changed_.size()); ++i) fetch_row(changed_[i]);
  for (std::size_t i = 0; i < changed_.size(); i += kBatch)
    rescore(ranking, shape, i, std::min(i + kBatch, changed_.size()));
  ranking.seen = index_.changes().end();
  ranking.seen_rules = index_.rule_changes().end();
}

std::optional<std::uint32_t> Engine::winner(const Ranking& ranking, const Policy& policy,
                                            const Draw& draw) const {
  if (order_.empty() || ranking.tree.best_value() == kUnfit) return std::nullopt;
  if (!policy.is_lottery || !draw) return order_[ranking.tree.best()];
  std::vector<std::uint32_t> fitting;
  for (std::size_t i = 0; i < order_.size(); ++i)
    if (ranking.tree.at(i) != kUnfit) fitting.push_back(order_[i]);
  return fitting[draw(fitting.size())];
}

Engine::Ranking& Engine::refreshed(const Shape& shape, const Policy& policy) {
  catch_up();
  scorer_.aim(shape, policy);
  Ranking& found = ranking(shape, policy);
  refresh(found, shape);
  return found;
}

bool Engine::fits_beside(const Shape& shape, const Policy& policy, std::uint32_t node) {
  if (detail::may_split(shape)) return true;
  detail::RankTree& tree = refreshed(shape, effective(policy)).tree;
  if (order_.empty() || tree.best_value() == kUnfit) return false;
  const std::uint32_t position = position_of_[node];
  const Merit merit = tree.at(position);
  tree.set(position, kUnfit);
  const bool fits = tree.best_value() != kUnfit;
  tree.set(position, merit);
  return fits;
}

std::optional<Decision> Engine::place(const Shape& shape, const Policy& asked, const Draw& draw) {
  const Policy& policy = effective(asked);
  const Ranking& found = refreshed(shape, policy);
  const auto node = winner(found, policy, draw);
  if (!node) return std::nullopt;
  Decision decision{.node = *node};
  if (policy.is_lottery) scorer_.draw_with(draw);
  decision.merit = scorer_.score(*node, measure_ ? measured_[*node] : 0, &decision.layout);
  if (policy.is_lottery) scorer_.draw_with({});
  return decision;
}

std::optional<Decision> Engine::place_or_split(const Shape& shape, const Policy& asked,
                                               const Draw& draw) {
  if (auto decision = place(shape, asked, draw)) return decision;
  if (!detail::may_split(shape)) return std::nullopt;
  std::optional<Decision> best;
  for (const std::uint32_t node : order_) {
    if (!placement::labels_hold(shape.request(), index_.nodes().entries[node].labels)) continue;
    Decision tried{.node = node};
    tried.merit = scorer_.score_split(node, measure_ ? measured_[node] : 0, &tried.layout);
    if (tried.merit == kUnfit) continue;
    const bool is_better =
        !best || tried.layout.booked.size() < best->layout.booked.size() ||
        (tried.layout.booked.size() == best->layout.booked.size() && tried.merit > best->merit);
    if (is_better) best = std::move(tried);
  }
  return best;
}

bool Engine::commit(GrantEntry grant, const Shape& shape, const Decision& decision) {
  const detail::NodeTable& nodes = index_.nodes();
  const detail::NodeRow& row = nodes.rows[decision.node];
  grant.node = decision.node;
  grant.slices = decision.layout.booked;
  grant.host = shape.host();
  grant.extended = shape.extended();
  grant.host_ports = shape.request().host_ports;
  grant.task = task_class(nodes, row, grant.slices);
  return index_.reserve(std::move(grant));
}

}  // namespace melon::placement

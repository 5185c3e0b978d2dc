// SPDX-License-Identifier: Apache-2.0
// Which moves of pods free whole devices: who may move, and what of it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "kube/detail/what_if_state.h"
#include "placement/defragmentation.h"

namespace melon::kube {

using detail::Placed;

namespace {

/// Collects why pods stay, alike ones together.
class Kept {
 public:
  void add(const std::string& text, const std::string& pod) {
    Reason& reason = by_text_.try_emplace(text, Reason{.text = text, .example = pod}).first->second;
    ++reason.nodes;
  }

  std::vector<Reason> take() {
    std::vector<Reason> reasons;
    for (auto& [text, reason] : by_text_) reasons.push_back(std::move(reason));
    std::ranges::stable_sort(reasons, std::ranges::greater{}, &Reason::nodes);
    return reasons;
  }

 private:
  std::map<std::string, Reason> by_text_ = {};
};

constexpr const char* kSafeToEvict = "cluster-autoscaler.kubernetes.io/safe-to-evict";

/// Why the pod itself stays where it is; empty: it may move.
std::string why_kept(const Pod& pod, const detail::Budgets& budgets) {
  if (pod.is_static) return "the kubelet's own";
  if (pod.is_ending) return "ends already";
  if (pod.owner_kind.empty()) return "of no controller: nothing starts a successor";
  if (pod.owner_kind == "DaemonSet") return "of a DaemonSet";
  if (pod.node_name.empty()) return "not started yet";
  if (const auto safe = pod.metadata.annotations.find(kSafeToEvict);
      safe != pod.metadata.annotations.end() && safe->second == "false")
    return fmt::format("annotation {}: false", kSafeToEvict);
  const std::string group = budgets.group_of(pod);
  if (const auto allowed = budgets.allowed().find(group);
      allowed != budgets.allowed().end() && allowed->second < 1)
    return fmt::format("PodDisruptionBudget {} allows none to end now", group);
  if (!pod.not_evaluated.empty())
    return fmt::format("not evaluated: {}", fmt::join(pod.not_evaluated, ", "));
  return {};
}

/// Why what it asks for is not enough to place it anew; empty: it is.
std::string why_unknown(const AskedPod& asked) {
  const auto asks = [](const placement::ContainerRequest& container) {
    return !container.devices.empty();
  };
  return std::ranges::any_of(asked.request.containers, asks) ? "" : "asks for no device by limits";
}

/// Whether one amount is nowhere above another.
bool is_within(const vendors::QuotaAmounts& asked, const vendors::QuotaAmounts& held) {
  return std::ranges::all_of(asked, [&held](const auto& of_backend) {
    const auto& [backend, amount] = of_backend;
    const auto has = held.find(backend);
    const vendors::QuotaAmount most = has == held.end() ? vendors::QuotaAmount{} : has->second;
    return amount.memory <= most.memory && amount.compute <= most.compute;
  });
}

}  // namespace

PodMove WhatIf::State::told_move(const placement::Move& move) const {
  const placement::detail::NodeTable& nodes = engine.index().nodes();
  const auto uuid = [&nodes](std::uint32_t node, std::uint16_t card) {
    return nodes.cards_of(nodes.rows[node])[card].uuid;
  };
  PodMove told{
      .pod = move.id, .from = nodes.entries[move.from].name, .to = nodes.entries[move.to].name};
  for (const placement::CardSlice& slice : move.left)
    told.from_devices.push_back(uuid(move.from, slice.card));
  for (const placement::CardSlice& slice : move.layout.booked)
    told.to_devices.push_back(uuid(move.to, slice.card));
  for (const placement::CardPlace& place : move.frees)
    told.frees.push_back({nodes.entries[place.node].name, uuid(place.node, place.card)});
  return told;
}

Result<MoveAdvice> WhatIf::defragment(std::size_t most_moves) {
  State& state = *state_;
  MELON_RETURN_IF_ERROR(state.need_own_rules("moves (--defragment)"));
  Kept kept;
  std::vector<placement::MovableGrant> movable;
  std::unordered_map<std::string, std::pair<const HoldingPod*, Placed>> by_id;
  for (const HoldingPod& holding : state.cluster.holding) {
    const std::string id = full_name(holding.pod.metadata);
    std::string why = why_kept(holding.pod, state.cluster.budgets);
    auto asked = state.prepare(holding.pod, PodStage::kRuns);
    if (why.empty()) why = asked ? why_unknown(asked->asked) : asked.error().message;
    if (!why.empty()) {
      kept.add(why, id);
      continue;
    }
    movable.push_back({id, asked->shape->request()});
    by_id.emplace(id, std::pair(&holding, std::move(*asked)));
  }
  const auto allows = [&](const std::string& id, const placement::Decision& decision) {
    auto& [holding, placed] = by_id.at(id);
    if (!state.cluster.quotas.contains(holding->pod.metadata.namespace_name)) return true;
    placed.decision = decision;
    return is_within(detail::placed_amounts(state.told(holding->pod, placed)), holding->amounts);
  };
  const placement::Defragmentation found = placement::defragment(
      state.engine.index(), movable,
      {.most_moves = most_moves, .closed_nodes = state.cluster.closed_nodes, .allows = allows});
  MoveAdvice advice{.free_before = found.free_before, .free_after = found.free_after};
  for (const placement::Move& move : found.moves) advice.moves.push_back(state.told_move(move));
  advice.kept = kept.take();
  return advice;
}

}  // namespace melon::kube

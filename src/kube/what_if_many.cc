// SPDX-License-Identifier: Apache-2.0
// What would become of more than one pod: how many fit, whether they start together, and whose end
// makes room.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "kube/detail/what_if_state.h"
#include "placement/gang.h"
#include "placement/preemption.h"

namespace melon::kube {

using detail::Placed;

namespace {

/// A pod that asks for next to nothing fits without end; nobody counts further.
constexpr std::int64_t kMostCounted = 1'000'000;

std::vector<Reason> most_first(const std::map<std::string, std::int64_t>& by_node) {
  std::vector<Reason> nodes;
  for (const auto& [node, fit] : by_node)
    nodes.push_back({.text = node, .nodes = fit, .example = node});
  std::ranges::stable_sort(nodes, std::ranges::greater{}, &Reason::nodes);
  return nodes;
}

}  // namespace

/// What was booked in one go, so that it can be taken back.
class WhatIf::Booked {
 public:
  explicit Booked(State& state) : state_(state), cores_(state.cluster.cores) {}

  void book(const Pod& pod, const Placed& placed) {
    ++by_node_[state_.engine.index().nodes().entries[placed.decision->node].name];
    ids_.push_back(state_.book(pod, placed));
    vendors::add(taken_[pod.metadata.namespace_name], placed.amounts);
  }

  void take_back() {
    for (const std::string& id : ids_) state_.engine.index().release(id);
    for (const auto& [space, amounts] : taken_) vendors::take(state_.cluster.held[space], amounts);
    state_.cluster.cores = cores_;
  }

  std::int64_t count() const { return std::ssize(ids_); }
  std::vector<Reason> by_node() const { return most_first(by_node_); }

 private:
  State& state_;
  detail::HeldCores cores_;  // before
  std::map<std::string, std::int64_t> by_node_ = {};
  std::vector<std::string> ids_ = {};
  std::map<std::string, vendors::QuotaAmounts> taken_ = {};  // by namespace
};

Result<> WhatIf::State::need_own_rules(std::string_view what) const {
  if (!vendors::is_compatible(options.compat)) return {};
  return fail(Code::kInvalidArgument,
              fmt::format("{} with compatibility {}: they are searched by Melon's own rules, by "
                          "which HAMi might not place the pods",
                          what, vendors::word_of(options.compat)),
              "ask for them without --compat (compat: none)");
}

std::optional<Victims> WhatIf::State::victims(const placement::Shape& shape, const Pod& pod) {
  const auto priority = cluster.priorities.of(pod);
  if (!priority) return std::nullopt;
  auto found = placement::preempt(engine, shape, *priority, {.budgets = cluster.budgets.allowed()});
  if (!found || found->victims.empty()) return std::nullopt;
  return Victims{.node = engine.index().nodes().entries[found->node].name,
                 .pods = std::move(found->victims),
                 .highest_priority = found->highest_priority,
                 .is_least = found->is_least};
}

Result<Answer> WhatIf::ask_preempting(const Pod& pod) {
  MELON_RETURN_IF_ERROR(state_->need_own_rules("victims (--preempt)"));
  const auto placed = state_->decide(pod);
  if (!placed) return detail::refused(pod, placed.error());
  Answer answer = state_->answer(pod, *placed);
  if (answer.is_placed() || !placed->over_quota.empty()) return answer;
  if (!state_->cluster.priorities.may_preempt(pod)) {
    answer.reasons.insert(
        answer.reasons.begin(),
        {.text = "preemptionPolicy Never: nobody is ended for it", .nodes = state_->node_count});
    return answer;
  }
  answer.preemption = state_->victims(*state_->within_quotas(pod, *placed), pod);
  const std::string& space = pod.metadata.namespace_name;
  if (!answer.preemption && state_->cluster.quotas.contains(space) &&
      state_->victims(*placed->shape, pod))
    answer.reasons.insert(
        answer.reasons.begin(),
        {.text = fmt::format("quota of namespace {}: exceeded also without pods of lower "
                             "priority, and none is ended for a quota",
                             space),
         .nodes = state_->node_count});
  return answer;
}

Capacity WhatIf::capacity(const Pod& pod) {
  auto placed = state_->decide(pod);
  Capacity capacity;
  if (!placed) {
    capacity.next = detail::refused(pod, placed.error());
    return capacity;
  }
  Booked booked(*state_);
  while (placed->decision && booked.count() < kMostCounted) {
    booked.book(pod, *placed);
    if (!state_->choose_node(pod, *placed)) break;
  }
  capacity.fit = booked.count();
  capacity.at_least = placed->decision.has_value();
  capacity.next = state_->answer(pod, *placed);
  capacity.by_node = booked.by_node();
  booked.take_back();
  return capacity;
}

/// Gives each prepared pod its decision, as far as there are any, and nothing of quotas.
void WhatIf::State::decide_together(std::span<Placed*> pods) {
  placement::Gang gang;
  std::unordered_map<const placement::Shape*, std::size_t> part_of;
  std::vector<std::vector<Placed*>> waiting;  // by part
  for (Placed* const pod : pods) {
    const auto [at, is_new] = part_of.try_emplace(pod->shape.get(), gang.parts.size());
    if (is_new) {
      gang.parts.push_back({.shape = pod->shape, .count = 0});
      waiting.emplace_back();
    }
    ++gang.parts[at->second].count;
    waiting[at->second].push_back(pod);
  }
  std::vector<std::size_t> decided(waiting.size());
  for (placement::GangMember& member :
       placement::place_gang(engine, gang, policy->policy).members) {
    waiting[member.part][decided[member.part]++]->decision = std::move(member.decision);
  }
}

GangFit WhatIf::gang(const Pod& pod, std::int64_t count) {
  GangFit fit{.asked = count};
  auto prepared = state_->prepare(pod);
  if (!prepared) {
    fit.next = detail::refused(pod, prepared.error());
    return fit;
  }
  Placed placed = std::move(*prepared);
  std::vector<placement::GangMember> members;
  if (!vendors::is_compatible(state_->options.compat))
    members = placement::place_gang(
                  state_->engine,
                  {.parts = {{.shape = placed.shape, .count = static_cast<std::size_t>(count)}}},
                  state_->policy->policy)
                  .members;
  Booked booked(*state_);
  bool moved = false;
  for (std::size_t i = 0; booked.count() < count; ++i) {
    if (i < members.size())
      placed.decision = std::move(members[i].decision);
    else
      placed.decision.reset();
    if (!state_->settle(pod, placed, moved)) break;
    booked.book(pod, placed);
  }
  fit.fit = booked.count();
  fit.by_node = booked.by_node();
  if (!fit.is_placed()) fit.next = state_->answer(pod, placed);
  booked.take_back();
  return fit;
}

/// Holds a pod to its quota where it goes, or finds another place for it. False: there is none.
/// Once one of those that were decided together has `moved`, perhaps to where another was to go,
/// the others find their places one by one.
bool WhatIf::State::settle(const Pod& pod, Placed& placed, bool& moved) {
  if (moved) placed.decision.reset();
  hold_to_quota(pod, placed);
  if (placed.decision) return true;
  if (!choose_node(pod, placed)) return false;
  moved = moved || placed.decision.has_value();
  return placed.decision.has_value();
}

std::int64_t WhatIf::State::least_of(std::span<const Pod> pods) const {
  GangSize size;
  if (const auto known = cluster.gangs.find(gang_name(pods.front())); known != cluster.gangs.end())
    size = known->second;
  for (const Pod& pod : pods) size.least = std::max(size.least, pod.gang_least);
  return size.least == 0 ? std::ssize(pods) : std::max<std::int64_t>(0, size.least - size.running);
}

std::vector<Answer> WhatIf::place_together(std::span<const Pod> pods) {
  std::vector<Result<Placed>> prepared;
  std::vector<Placed*> askable;
  for (const Pod& pod : pods) prepared.push_back(state_->prepare(pod));
  for (Result<Placed>& one : prepared)
    if (one) askable.push_back(&*one);
  if (!vendors::is_compatible(state_->options.compat)) state_->decide_together(askable);
  Booked booked(*state_);
  std::vector<Answer> answers;
  bool moved = false;
  for (std::size_t i = 0; i < pods.size(); ++i) {
    if (!prepared[i]) {
      answers.push_back(detail::refused(pods[i], prepared[i].error()));
      continue;
    }
    const bool is_placed = state_->settle(pods[i], *prepared[i], moved);
    answers.push_back(state_->answer(pods[i], *prepared[i]));
    if (is_placed) booked.book(pods[i], *prepared[i]);
  }
  const std::int64_t least = state_->least_of(pods);
  if (booked.count() >= least) return answers;
  booked.take_back();
  const Reason together{.text = fmt::format("{} of gang {} fit, of {} that start together",
                                            booked.count(), gang_name(pods.front()), least),
                        .nodes = state_->node_count};
  for (std::size_t i = 0; i < pods.size(); ++i) {
    Answer& answer = answers[i];
    if (!answer.refusal.empty()) continue;
    answer.reasons.insert(answer.reasons.begin(), together);
    answer.node.clear();
    answer.containers.clear();
    answer.annotations.clear();
  }
  return answers;
}

std::vector<std::vector<std::size_t>> placing_order(std::span<const Pod> pods) {
  std::vector<std::vector<std::size_t>> order;
  std::unordered_map<std::string, std::size_t> place_of;
  for (std::size_t i = 0; i < pods.size(); ++i) {
    const std::string gang = gang_name(pods[i]);
    const auto known = gang.empty() ? place_of.end() : place_of.find(gang);
    if (known != place_of.end()) {
      order[known->second].push_back(i);
      continue;
    }
    if (!gang.empty()) place_of.emplace(gang, order.size());
    order.push_back({i});
  }
  return order;
}

}  // namespace melon::kube

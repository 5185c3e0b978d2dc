// SPDX-License-Identifier: Apache-2.0
// Answers what would become of pods, on a copy of a cluster in memory.
#include "kube/what_if.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "kube/detail/hami_options.h"
#include "kube/detail/history.h"
#include "kube/detail/what_if_state.h"
#include "placement/explain.h"

namespace melon::kube {

using detail::Placed;

namespace {

/// A request, held to devices that nobody uses where a policy wants that.
placement::PodRequest under(bool unused_only, placement::PodRequest request) {
  for (placement::ContainerRequest& container : request.containers)
    for (placement::DeviceDemand& demand : container.devices)
      demand.unused = demand.unused || unused_only;
  return request;
}

/// Whether what the request takes depends on the devices that it gets.
bool varies_by_device(const placement::Shape& shape) {
  return std::ranges::any_of(shape.steps(), [](const placement::Shape::Step& step) {
    const placement::DeviceDemand& demand = step.demand;
    return demand.memory_permille || demand.compute_permille || !demand.partitions.empty();
  });
}

}  // namespace

void WhatIf::State::set_aside(std::string object, const Error& error) {
  cluster.set_aside.push_back({std::move(object), error.message, error.remedy});
}

void WhatIf::State::load(const Objects& objects) {
  cluster = to_cluster(objects, catalogue, options.compat, options.unix_seconds);
  for (const placement::NodeSpec& node : cluster.nodes)
    if (const auto taken = engine.index().apply(node, 1); !taken)
      set_aside("Node " + node.name, taken.error());
  for (const placement::GrantSpec& grant : cluster.grants)
    if (const auto taken = engine.index().apply(grant, 1); !taken)
      set_aside("Pod " + grant.id, taken.error());
  node_count = std::ssize(cluster.nodes);
  cluster.nodes = {};  // the index has them
  cluster.grants = {};
}

void WhatIf::State::choose_policy(const Objects& objects) {
  if (policy && !policy->policy.uses_gain) return;
  auto history = detail::workload_history(objects, cluster.announced, catalogue, options.compat,
                                          options.unix_seconds);
  const bool has_history = !history.shapes.empty();
  const std::string known = detail::to_text(history);
  if (has_history) engine.set_targets(std::move(history.shapes));
  if (policy) {
    policy_reason = has_history ? "asked for; " + known
                                : "asked for, but no pod with devices runs yet: it acts as binpack";
    return;
  }
  const char* const name = has_history ? "fragmentation" : "binpack";
  policy = placement::NamedPolicy{.name = name, .policy = *placement::find_policy(name)};
  policy_reason =
      has_history ? "the default: " + known : "the default where no pod with devices runs yet";
}

Result<Placed> WhatIf::State::prepare(const Pod& pod, PodStage stage) {
  MELON_TRY(AskedPod asked, to_request(pod, cluster.announced, catalogue, options.compat, stage));
  auto shape = engine.shape(under(policy->policy.unused_only, asked.request));
  return Placed{.asked = std::move(asked), .shape = std::move(shape), .decision = {}};
}

Result<Placed> WhatIf::State::decide(const Pod& pod) {
  MELON_TRY(Placed placed, prepare(pod));
  MELON_RETURN_IF_ERROR(choose_node(pod, placed));
  return placed;
}

/// Whether the quotas of the pod's namespace let it have these amounts.
bool WhatIf::State::allows(const Pod& pod, const vendors::QuotaAmounts& amounts, Placed& placed) {
  const auto limits = cluster.quotas.find(pod.metadata.namespace_name);
  if (limits == cluster.quotas.end()) return true;
  const auto allowed = vendors::check_quota(
      limits->second, cluster.held[pod.metadata.namespace_name], amounts, catalogue);
  if (!allowed) placed.over_quota = allowed.error().message;
  return allowed.has_value();
}

Result<> WhatIf::State::choose_node(const Pod& pod, Placed& placed) {
  placed.over_quota.clear();
  if (vendors::is_compatible(options.compat)) return choose_as_hami(pod, placed);
  placed.decision = engine.place_or_split(*placed.shape, policy->policy);
  hold_to_quota(pod, placed);
  if (placed.over_quota.empty() || !varies_by_device(*placed.shape)) return {};
  placed.decision = engine.place_or_split(*within_quotas(pod, placed), policy->policy);
  if (placed.decision) placed.over_quota.clear();
  hold_to_quota(pod, placed);
  return {};
}

/// The shape, held to what the quotas of the pod's namespace leave now. It is another one after
/// each pod of the namespace, and so is asked only where the shape by itself is not enough.
std::shared_ptr<const placement::Shape> WhatIf::State::within_quotas(const Pod& pod,
                                                                     const Placed& placed) {
  const std::string& space = pod.metadata.namespace_name;
  const auto limits = cluster.quotas.find(space);
  if (limits == cluster.quotas.end()) return placed.shape;
  placement::PodRequest request = placed.shape->request();
  request.quotas = detail::quota_bounds(
      space, detail::quota_left(limits->second, cluster.held[space], catalogue));
  return engine.shape(request);
}

void WhatIf::State::hold_to_quota(const Pod& pod, Placed& placed) {
  if (!placed.decision) return;
  placed.amounts = detail::placed_amounts(told(pod, placed));
  if (!allows(pod, placed.amounts, placed)) placed.decision.reset();
}

/// First what its admission knows of quotas, then its choice, card by card within them.
Result<> WhatIf::State::choose_as_hami(const Pod& pod, Placed& placed) {
  MELON_TRY(placement::HamiOptions how, detail::hami_options(pod, options.compat, asked_policy));
  placed.policy = detail::name_of(how);
  if (how.unused_only) placed.shape = engine.shape(under(true, placed.asked.request));
  placed.decision.reset();
  placed.failures.clear();
  const auto known =
      vendors::peak_amounts(placed.asked.admitted.containers, placed.asked.demands, options.compat);
  if (!allows(pod, known, placed)) return {};
  const std::string& space = pod.metadata.namespace_name;
  if (const auto limits = cluster.quotas.find(space); limits != cluster.quotas.end())
    how.quota = detail::quota_left(limits->second, cluster.held[space], catalogue);
  auto answer = hami.choose(placed.shape, how);
  placed.failures = std::move(answer.failures);
  placed.decision = std::move(answer.decision);
  if (placed.decision) placed.amounts = detail::placed_amounts(told(pod, placed));
  return {};
}

detail::PlacedPod WhatIf::State::told(const Pod& pod, const Placed& placed) const {
  return {.pod = pod,
          .asked = placed.asked,
          .decision = *placed.decision,
          .index = engine.index(),
          .announced = cluster.announced,
          .catalogue = catalogue,
          .cores = cluster.cores,
          .unix_seconds = options.unix_seconds,
          .compat = options.compat};
}

std::string WhatIf::State::book(const Pod& pod, const Placed& placed) {
  std::string id = fmt::format("{}#{}", full_name(pod.metadata), ++booked);
  vendors::add(cluster.held[pod.metadata.namespace_name], placed.amounts);
  const std::string& node = engine.index().nodes().entries[placed.decision->node].name;
  for (const auto& [uuid, cores] : detail::taken_cores(told(pod, placed)))
    cluster.cores.hold(node, uuid, cores);
  engine.commit({.id = id,
                 .priority = cluster.priorities.of_running(pod),
                 .group = cluster.budgets.group_of(pod)},
                *placed.shape, *placed.decision);
  return id;
}

void WhatIf::State::tell_place(const Pod& pod, const Placed& placed, Answer& answer) {
  const detail::PlacedPod to_tell = told(pod, placed);
  answer.node = engine.index().nodes().entries[placed.decision->node].name;
  answer.containers = detail::placed_containers(to_tell);
  if (const auto added = detail::add_environment(to_tell, answer.containers); !added)
    answer.not_evaluated.push_back("environment: " + added.error().message);
  auto annotations = detail::decision_annotations(to_tell);
  if (annotations) {
    answer.annotations = std::move(*annotations);
  } else {
    answer.not_evaluated.push_back("annotations: " + annotations.error().message);
  }
}

/// As HAMi words them.
void WhatIf::State::tell_failures(const Placed& placed, Answer& answer) const {
  for (const placement::HamiFailure& failure : placed.failures)
    answer.reasons.push_back(
        {.text = failure.text, .nodes = failure.nodes, .example = failure.example});
  if (placed.shape->request().split)
    answer.reasons.push_back(
        {.text = fmt::format("not split: HAMi, whose rules decide, does not know annotation {}",
                             vendors::kSplitAnnotation),
         .nodes = node_count});
}

void WhatIf::State::tell_reasons(const Pod& pod, const Placed& placed, Answer& answer) {
  const bool compatible = vendors::is_compatible(options.compat);
  const bool over_quota = !placed.over_quota.empty();
  if (over_quota && (compatible || !varies_by_device(*placed.shape))) {
    answer.reasons.push_back(
        {.text = (compatible ? "ResourceQuotaNotFit: " : "") + placed.over_quota,
         .nodes = node_count});
    return;
  }
  if (compatible) {
    tell_failures(placed, answer);
    return;
  }
  const auto within = within_quotas(pod, placed);
  const auto groups = placement::explain(engine.index(), *within);
  const bool is_told = std::ranges::any_of(groups, [](const placement::ObstacleGroup& group) {
    return group.obstacle.rule == placement::Rule::kQuota;
  });
  if (over_quota && !is_told)
    answer.reasons.push_back({.text = placed.over_quota, .nodes = node_count});
  for (const placement::ObstacleGroup& group : groups)
    answer.reasons.push_back({.text = placement::to_text(group.obstacle),
                              .nodes = group.nodes,
                              .example = group.example});
  if (const auto group = placement::explain_split(engine.index(), *within))
    answer.reasons.push_back({.text = placement::to_text(group->obstacle),
                              .nodes = group->nodes,
                              .example = group->example});
  for (const placement::Nearest& near : placement::nearest(engine.index(), *within)) {
    const auto shape = engine.shape(near.request);
    if (!engine.place(*shape, policy->policy)) continue;
    answer.nearest = placement::to_text(near);
    return;
  }
}

Answer WhatIf::State::answer(const Pod& pod, const Placed& placed) {
  Answer answer{.pod = full_name(pod.metadata),
                .policy = placed.policy.empty() ? policy->name : placed.policy,
                .policy_reason = placed.policy.empty() ? policy_reason : "as HAMi chooses",
                .not_evaluated = pod.not_evaluated};
  if (!cluster.priorities.of(pod))
    answer.not_evaluated.push_back(fmt::format("priority class {}", pod.priority_class));
  if (placed.decision) {
    tell_place(pod, placed, answer);
  } else {
    tell_reasons(pod, placed, answer);
  }
  return answer;
}

Answer detail::refused(const Pod& pod, const Error& error) {
  return {.pod = full_name(pod.metadata),
          .refusal = error.message,
          .remedy = error.remedy,
          .not_evaluated = pod.not_evaluated};
}

Result<WhatIf> WhatIf::make(const Objects& objects,
                            std::span<const vendors::Descriptor> descriptors,
                            const WhatIfOptions& options) {
  auto state = std::make_unique<State>(
      detail::with_cores_of_nodes(descriptors, objects.nodes, options.compat), options);
  if (!options.policy.empty()) {
    MELON_TRY(state->policy, placement::parse_policy(options.policy));
    state->asked_policy = state->policy;
  }
  state->load(objects);
  state->choose_policy(objects);
  return WhatIf(std::move(state));
}

WhatIf::WhatIf(std::unique_ptr<State> state) : state_(std::move(state)) {}
WhatIf::WhatIf(WhatIf&&) noexcept = default;
WhatIf& WhatIf::operator=(WhatIf&&) noexcept = default;
WhatIf::~WhatIf() = default;

const std::vector<SetAside>& WhatIf::set_aside() const { return state_->cluster.set_aside; }
const std::vector<Pod>& WhatIf::unscheduled() const { return state_->cluster.unscheduled; }

Answer WhatIf::ask(const Pod& pod) {
  const auto placed = state_->decide(pod);
  return placed ? state_->answer(pod, *placed) : detail::refused(pod, placed.error());
}

Answer WhatIf::place(const Pod& pod) {
  const auto placed = state_->decide(pod);
  if (!placed) return detail::refused(pod, placed.error());
  Answer answer = state_->answer(pod, *placed);
  if (placed->decision) state_->book(pod, *placed);
  return answer;
}

}  // namespace melon::kube

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kube/cluster.h"
#include "kube/detail/decision_text.h"
#include "kube/what_if.h"
#include "placement/engine.h"
#include "placement/hami_choice.h"

namespace melon::placement {
struct Move;
}  // namespace melon::placement

namespace melon::kube {
namespace detail {

/// Both are true of the request: what the engine decided, and what it decided on.
struct Placed {
  AskedPod asked;
  std::shared_ptr<const placement::Shape> shape;
  std::optional<placement::Decision> decision;
  vendors::QuotaAmounts amounts = {};  // of devices, that quotas bound
  std::string over_quota = {};         // which one, where that is why there is no decision
  std::vector<placement::HamiFailure> failures = {};  // as HAMi: of nodes that do not fit
  std::string policy = {};                            // as HAMi: what decided
};

/// The answer for a pod that admission refuses.
Answer refused(const Pod& pod, const Error& error);

}  // namespace detail

struct WhatIf::State {
  State(std::span<const vendors::Descriptor> descriptors, const WhatIfOptions& given)
      : catalogue(descriptors), options(given) {}

  void load(const Objects& objects);
  void choose_policy(const Objects& objects);
  void set_aside(std::string object, const Error& error);
  /// What a pod asks for; decide() chooses a place as well, which is not booked.
  Result<detail::Placed> prepare(const Pod& pod, PodStage stage = PodStage::kComes);
  Result<detail::Placed> decide(const Pod& pod);
  Result<> choose_node(const Pod& pod, detail::Placed& placed);
  Result<> choose_as_hami(const Pod& pod, detail::Placed& placed);
  /// Takes the decision back where a quota of the pod's namespace is against it.
  void hold_to_quota(const Pod& pod, detail::Placed& placed);
  bool allows(const Pod& pod, const vendors::QuotaAmounts& amounts, detail::Placed& placed);
  std::shared_ptr<const placement::Shape> within_quotas(const Pod& pod,
                                                        const detail::Placed& placed);
  /// An error where not Melon's own rules decide. `what` is searched by those alone.
  Result<> need_own_rules(std::string_view what) const;
  std::optional<Victims> victims(const placement::Shape& shape, const Pod& pod);
  bool settle(const Pod& pod, detail::Placed& placed, bool& moved);
  void decide_together(std::span<detail::Placed*> pods);
  std::int64_t least_of(std::span<const Pod> pods) const;
  PodMove told_move(const placement::Move& move) const;
  detail::PlacedPod told(const Pod& pod, const detail::Placed& placed) const;
  std::string book(const Pod& pod, const detail::Placed& placed);
  Answer answer(const Pod& pod, const detail::Placed& placed);
  void tell_place(const Pod& pod, const detail::Placed& placed, Answer& answer);
  void tell_reasons(const Pod& pod, const detail::Placed& placed, Answer& answer);
  void tell_failures(const detail::Placed& placed, Answer& answer) const;

  vendors::Catalogue catalogue;
  WhatIfOptions options;
  Cluster cluster = {};
  placement::Engine engine = placement::Engine();
  placement::HamiChooser hami = placement::HamiChooser(engine.index());
  std::optional<placement::NamedPolicy> policy = {};
  std::optional<placement::NamedPolicy> asked_policy = {};
  std::string policy_reason = "asked for";
  std::int64_t node_count = 0;
  std::int64_t booked = 0;  // how many were placed: their ids
};

}  // namespace melon::kube

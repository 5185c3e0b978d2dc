// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "placement/engine.h"
#include "placement/explain.h"

namespace melon::placement {

/// Members of a gang that ask for the same.
struct GangPart {
  std::shared_ptr<const Shape> shape = {};
  std::size_t count = 1;
};

/// Pods that start together or not at all.
struct Gang {
  std::vector<GangPart> parts = {};
  std::size_t least = 0;  // members without which none starts; 0: all of them
};

/// Where one member goes.
struct GangMember {
  std::size_t part = 0;
  Decision decision = {};
};

/// What would become of a gang.
struct GangAnswer {
  std::vector<GangMember> members = {};  // those that fit, in the order in which they were placed
  std::size_t asked = 0;                 // members in all
  std::size_t least = 0;                 // of them, those that must fit
  std::optional<std::size_t> blocked = {};  // the part whose next member fits nowhere
  std::vector<ObstacleGroup> reasons = {};  // why, beside those that fit

  bool fits() const { return members.size() >= least; }
};

/// Places the members one by one, those that ask for most devices first, each where the policy puts
/// it. Where not all fit so, cards are chosen by binpack and by spread as well, and the way in
/// which most fit is the answer. Nothing is booked afterwards. Of members that ask for one device
/// each, none fits that is not placed; for others no better arrangement is searched for.
GangAnswer place_gang(Engine& engine, const Gang& gang, const Policy& policy);

/// Books an answer that fits, member by member, under the ids of `grants`; all of them or, where
/// one of the ids is in use, none: then false. `grants` are as many as the answer has members.
bool commit_gang(Engine& engine, const Gang& gang, const GangAnswer& answer,
                 std::vector<GrantEntry> grants);

}  // namespace melon::placement

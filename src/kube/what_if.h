// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "kube/answer.h"
#include "kube/objects.h"
#include "vendors/compatibility.h"
#include "vendors/descriptor.h"

namespace melon::kube {

struct WhatIfOptions {
  std::string policy = {};  // by name; empty: what the engine has as its default
  vendors::Compatibility compat = vendors::Compatibility::kNone;
  std::int64_t unix_seconds =
      0;  // when it is: written into annotations, and how old handshakes are
};

/// A cluster in memory, and what would become of pods that come to it. Places through the same
/// engine as everything else, touches no cluster. Not thread-safe.
class WhatIf {
 public:
  /// Errors: kInvalidArgument for a policy that there is none of.
  static Result<WhatIf> make(const Objects& objects,
                             std::span<const vendors::Descriptor> descriptors,
                             const WhatIfOptions& options);
  WhatIf(WhatIf&&) noexcept;
  WhatIf& operator=(WhatIf&&) noexcept;
  ~WhatIf();

  /// Objects that could not be used: by their annotations, or their amounts. In the order in which
  /// they were found; those that could not be read are in Objects.
  const std::vector<SetAside>& set_aside() const;
  /// Pods of the cluster that have no node yet, in the order of the files.
  const std::vector<Pod>& unscheduled() const;

  /// Where a pod would go, or why nowhere. The pod is not there afterwards.
  Answer ask(const Pod& pod);
  /// The same, and the pod stays.
  Answer place(const Pod& pod);
  /// As ask(), and where no node takes it: which pods of lower priority would have to end.
  /// Nobody is ended for a quota: where that is in the way as well, there are no victims. Errors:
  /// kInvalidArgument where HAMi's rules decide, by which victims are not searched.
  Result<Answer> ask_preempting(const Pod& pod);
  /// Pods that start together, or none of them; an answer each, in their order. Those that are
  /// placed stay. How many of them must is what they or their group say, less those of the group
  /// that run already; all of them where nobody says it.
  std::vector<Answer> place_together(std::span<const Pod> pods);
  /// Whether so many of this pod start together; none of them is there afterwards.
  GangFit gang(const Pod& pod, std::int64_t count);
  /// How many more of this pod fit, one after the other; none of them is there afterwards.
  Capacity capacity(const Pod& pod);
  /// Which moves of pods, at most so many, free whole devices. Moves nothing. Pods stay that nobody
  /// may end, that a DaemonSet would start where they are, or of which not all that decides where
  /// they may go is known; and no pod takes more of a quota than it did.
  /// Nobody moves from or to nodes that are cordoned or not ready. Errors: as of ask_preempting().
  Result<MoveAdvice> defragment(std::size_t most_moves);

 private:
  struct State;
  class Booked;
  explicit WhatIf(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The order in which pods are placed, by their positions: one by one as they come, but those of a
/// gang (Pod::gang) together, with the first of them.
std::vector<std::vector<std::size_t>> placing_order(std::span<const Pod> pods);

}  // namespace melon::kube

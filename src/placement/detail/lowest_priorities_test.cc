// SPDX-License-Identifier: Apache-2.0
// What is kept of priorities against a sorted list of all of them.
#include "placement/detail/lowest_priorities.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace melon::placement::detail {
namespace {

struct Node {
  LowestPriorities kept = {};
  std::vector<std::int32_t> all = {};
  bool were_few = true;

  void add(std::int32_t priority) {
    all.push_back(priority);
    kept.add(priority);
    were_few = were_few && all.size() <= LowestPriorities::kMost;
  }
  void remove(std::ptrdiff_t place) {
    kept.remove(all[static_cast<std::size_t>(place)]);
    all.erase(all.begin() + place);
    if (!kept.are_stale(all.size())) return;
    kept = {};
    for (const std::int32_t priority : all) kept.add(priority);
  }
  void check() {
    std::ranges::sort(all);
    for (std::size_t at = 0; at < all.size(); ++at)
      RC_ASSERT((were_few ? kept.at_least(at) == all[at] : kept.at_least(at) <= all[at]));
    if (all.size() < LowestPriorities::kMost) RC_ASSERT(kept.at_least(all.size()) == kNoPriority);
  }
};

RC_GTEST_PROP(LowestPriorities, AreNeverAboveAndExactWhileFew, ()) {
  Node node;
  const int changes = *rc::gen::inRange(1, 60);
  for (int i = 0; i < changes; ++i) {
    if (node.all.empty() || *rc::gen::inRange(0, 5) > 1)
      node.add(*rc::gen::inRange(-4, 5));
    else
      node.remove(*rc::gen::inRange<std::ptrdiff_t>(0, std::ssize(node.all)));
    node.check();
  }
}

}  // namespace
}  // namespace melon::placement::detail

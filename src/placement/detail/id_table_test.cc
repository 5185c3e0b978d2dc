// SPDX-License-Identifier: Apache-2.0
// The table of ids against a map, and the tournament against a search, over random changes.
#include "placement/detail/id_table.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "placement/detail/rank_tree.h"

namespace melon::placement::detail {
namespace {

RC_GTEST_PROP(IdTable, FindsWhatAMapFinds, ()) {
  IdTable table;
  std::vector<std::string> ids;  // by slot
  std::map<std::string, std::uint32_t> twin;
  const auto id_of = [&ids](std::uint32_t slot) { return std::string_view(ids[slot]); };
  const int steps = *rc::gen::inRange(0, 200);
  for (int i = 0; i < steps; ++i) {
    const std::string id = std::to_string(*rc::gen::inRange(0, 40));
    if (const auto known = twin.find(id); known != twin.end()) {
      table.remove(id, known->second);
      twin.erase(known);
    } else {
      twin.emplace(id, static_cast<std::uint32_t>(ids.size()));
      table.add(id, static_cast<std::uint32_t>(ids.size()));
      ids.push_back(id);
    }
    RC_ASSERT(table.size() == twin.size());
    for (int other = 0; other < 40; ++other) {
      const auto at = twin.find(std::to_string(other));
      const auto found = table.find(std::to_string(other), id_of);
      RC_ASSERT(found.has_value() == (at != twin.end()));
      if (found) RC_ASSERT(*found == at->second);
    }
  }
}

RC_GTEST_PROP(RankTree, ItsBestIsTheFirstOfTheLargest, ()) {
  const auto size = static_cast<std::size_t>(*rc::gen::inRange(1, 600));
  RankTree tree;
  tree.reset(size);
  std::vector<std::int32_t> values(size, RankTree::kNone);
  const int steps = *rc::gen::inRange(1, 100);
  for (int i = 0; i < steps; ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, size);
    values[at] = *rc::gen::weightedElement<std::int32_t>(
        {{1, RankTree::kNone}, {2, 0}, {2, 1}, {1, 7}, {1, -3}});
    tree.set(at, values[at]);
    const auto most = std::ranges::max_element(values);
    RC_ASSERT(tree.best_value() == *most);
    RC_ASSERT(tree.best() == static_cast<std::size_t>(most - values.begin()));
  }
}

}  // namespace
}  // namespace melon::placement::detail

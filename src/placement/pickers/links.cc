// SPDX-License-Identifier: Apache-2.0
// Devices that are taken together because they are well linked.
#include "placement/pickers/links.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace melon::placement::pickers {
namespace {

std::int64_t sum_of_pairs(const LinkMatrix& links, const Picks& picks) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < picks.size(); ++i)
    for (std::size_t j = i + 1; j < picks.size(); ++j) sum += links.at(picks[i], picks[j]);
  return sum;
}

std::int64_t sum_to(const LinkMatrix& links, std::size_t at, const Picks& others) {
  std::int64_t sum = 0;
  for (const std::size_t other : others) sum += links.at(at, other);
  return sum;
}

std::size_t loneliest(const LinkMatrix& links) {
  Picks all(links.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return *std::ranges::min_element(all, {}, [&](std::size_t at) { return sum_to(links, at, all); });
}

bool is_small(std::size_t total, std::size_t count) {
  std::size_t sets = 1;
  for (std::size_t i = 0; i < std::min(count, total - count); ++i) {
    sets = sets * (total - i) / (i + 1);
    if (sets > kMostSets) return false;
  }
  return true;
}

Picks best_of_all(const LinkMatrix& links, std::size_t count) {
  Picks best;
  std::int64_t best_sum = std::numeric_limits<std::int64_t>::min();
  for_each_set(links.size(), count, [&](const Picks& picks) {
    const std::int64_t sum = sum_of_pairs(links, picks);
    if (sum > best_sum) {
      best_sum = sum;
      best = picks;
    }
    return true;
  });
  return best;
}

Picks grown(const LinkMatrix& links, std::size_t count) {
  Picks picks = best_of_all(links, 2);
  while (picks.size() < count) {
    std::optional<std::size_t> next;
    for (std::size_t at = 0; at < links.size(); ++at) {
      if (std::ranges::find(picks, at) != picks.end()) continue;
      if (!next || sum_to(links, at, picks) > sum_to(links, *next, picks)) next = at;
    }
    picks.push_back(*next);
  }
  std::ranges::sort(picks);
  return picks;
}

}  // namespace

void LinkMatrix::say(std::size_t from, std::size_t to, std::int64_t score) {
  if (from == to) return;
  const std::size_t here = from * size_ + to;
  const std::size_t there = to * size_ + from;
  said_[here] = true;
  const bool agree = !said_[there] || scores_[there] == score;
  scores_[here] = scores_[there] = agree ? score : 0;
}

Picks best_linked(const LinkMatrix& links, std::size_t count) {
  if (count == 0 || count > links.size()) return {};
  if (count == 1) return {loneliest(links)};
  return is_small(links.size(), count) ? best_of_all(links, count) : grown(links, count);
}

void for_each_set(std::size_t total, std::size_t count,
                  const std::function<bool(const Picks&)>& visit) {
  if (count > total) return;
  Picks picks(count);
  std::iota(picks.begin(), picks.end(), std::size_t{0});
  while (visit(picks)) {
    std::size_t at = count;
    while (at > 0 && picks[at - 1] == total - count + at - 1) --at;
    if (at == 0) return;
    ++picks[at - 1];
    for (std::size_t i = at; i < count; ++i) picks[i] = picks[i - 1] + 1;
  }
}

}  // namespace melon::placement::pickers

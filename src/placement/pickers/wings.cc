// SPDX-License-Identifier: Apache-2.0
// Devices on two wings with cross links.
#include "placement/pickers/wings.h"

#include <algorithm>

#include "placement/pickers/links.h"

namespace melon::placement::pickers {
namespace {

using Indices = std::vector<std::size_t>;

class Wings {
 public:
  Wings(const FreeByIndex& free, const vendors::Picker& picker)
      : free_(free), quads_(picker.quads), size_(static_cast<std::size_t>(picker.wing_size)) {
    for (std::size_t i = 0; i < 2 * size_; ++i)
      if (free_[i]) (i < size_ ? left_ : right_).push_back(i);
  }

  std::optional<Indices> pick(std::size_t count) const {
    if (count == 2 * size_) return all();
    for (const std::size_t number : numbers(count)) {
      for (const Indices* const wing : {&left_, &right_})
        if (wing->size() == number) return Indices(wing->begin(), wing->begin() + signed_of(count));
    }
    if (count == 2) return linked_pair();
    if (count == 4) return quad();
    return std::nullopt;
  }

 private:
  static std::ptrdiff_t signed_of(std::size_t count) { return static_cast<std::ptrdiff_t>(count); }

  std::optional<Indices> all() const {
    if (left_.size() + right_.size() != 2 * size_) return std::nullopt;
    Indices both = left_;
    both.insert(both.end(), right_.begin(), right_.end());
    return both;
  }

  /// Free numbers of a wing, best first. One device is taken from a wing of 3 before one of 2: it
  /// leaves a pair.
  std::vector<std::size_t> numbers(std::size_t count) const {
    std::vector<std::size_t> order;
    for (std::size_t number = count; number <= size_; ++number) order.push_back(number);
    if (count == 1 && size_ >= 3) std::swap(order[1], order[2]);
    return order;
  }

  std::optional<Indices> linked_pair() const {
    for (std::size_t i = 0; i < size_; ++i)
      if (free_[i] && free_[i + size_]) return Indices{i, i + size_};
    return std::nullopt;
  }

  std::optional<Indices> quad() const {
    const std::size_t free = left_.size() + right_.size();
    if (free < 4 || free > 6) return std::nullopt;
    std::optional<Indices> first;
    for (const auto& quad : quads_) {
      const Indices members(quad.begin(), quad.end());
      if (!std::ranges::all_of(members, [&](std::size_t i) { return free_[i]; })) continue;
      if (free < 6 || leaves_pair(members)) return members;
      if (!first) first = members;
    }
    return first;
  }

  bool leaves_pair(const Indices& taken) const {
    const auto left_over = [&](std::size_t i) {
      return free_[i] && std::ranges::find(taken, i) == taken.end();
    };
    for (std::size_t i = 0; i < size_; ++i)
      if (left_over(i) && left_over(i + size_)) return true;
    return false;
  }

  const FreeByIndex& free_;
  const std::vector<std::vector<std::int64_t>>& quads_;
  std::size_t size_;
  Indices left_;
  Indices right_;
};

}  // namespace

std::optional<std::vector<std::size_t>> pick_on_wings(const FreeByIndex& free, std::size_t count,
                                                      const vendors::Picker& picker) {
  const auto both = static_cast<std::size_t>(2 * picker.wing_size);
  if (count == 0 || free.size() < both) return std::nullopt;
  return Wings(free, picker).pick(count);
}

std::vector<Indices> sets_on_wings(const FreeByIndex& free, std::size_t count,
                                   const vendors::Picker& picker) {
  const auto best = pick_on_wings(free, count, picker);
  if (!best) return {};
  std::vector<Indices> sets = {*best};
  const auto size = static_cast<std::size_t>(picker.wing_size);
  const auto add = [&](Indices set) {
    const bool is_free = std::ranges::all_of(set, [&](std::size_t i) { return free[i]; });
    if (is_free && std::ranges::find(sets, set) == sets.end()) sets.push_back(std::move(set));
  };
  for (const std::size_t first : {std::size_t{0}, size})
    for_each_set(size, count, [&](const Picks& picks) {
      Indices set;
      for (const std::size_t pick : picks) set.push_back(first + pick);
      add(std::move(set));
      return true;
    });
  for (std::size_t i = 0; count == 2 && i < size; ++i) add({i, i + size});
  if (count == 4)
    for (const auto& quad : picker.quads) add(Indices(quad.begin(), quad.end()));
  return sets;
}

std::int64_t bubbles(std::span<const std::size_t> used, std::int64_t wing_size) {
  if (used.empty()) return 1;
  const auto size = static_cast<std::size_t>(wing_size);
  const auto on_left = static_cast<std::int64_t>(
      std::ranges::count_if(used, [&](std::size_t i) { return i < size; }));
  const auto of_wing = [&](std::int64_t in_use) {
    if (in_use == wing_size) return std::int64_t{0};
    return in_use == 1 ? std::int64_t{2} : std::int64_t{1};
  };
  return of_wing(on_left) + of_wing(static_cast<std::int64_t>(used.size()) - on_left);
}

}  // namespace melon::placement::pickers

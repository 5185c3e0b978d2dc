// SPDX-License-Identifier: Apache-2.0
// Gangs, quotas, sidecars, initial containers, split demands and preemption at once, on clusters so
// small that every assignment of containers to devices can be tried.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <bit>

#include "config/descriptors.h"
#include "kube/what_if.h"

namespace melon::kube {
namespace {

int any(int least, int below) { return *rc::gen::inRange(least, below); }

constexpr int kMemory = 10;  // MiB of a device
constexpr int kSlots = 3;

/// What a device still has; what a pod takes of one at its peak.
struct Room {
  int slots = 0;
  int memory = 0;
};

struct Card {
  std::string node = {};
  std::string uuid = {};
  Room room = {};
};

/// One device for each container that asks for memory.
struct Asked {
  std::vector<std::pair<ContainerRole, int>> containers = {};
  std::optional<std::pair<int, int>> split = {};  // pieces, and MiB of the smallest
};

struct Running {
  std::string name = {};
  std::size_t card = 0;
  int memory = 0;
  int priority = 0;
};

/// The amounts of containers that run together, at the worst moment. `counts` are those asked
/// about.
template <class Counts>
int peak(const Asked& asked, Counts counts, bool in_slots) {
  int sidecars = 0;
  int stay = 0;
  int most = 0;
  for (std::size_t i = 0; i < asked.containers.size(); ++i) {
    const auto& [role, memory] = asked.containers[i];
    const int amount = counts(i) ? (in_slots ? 1 : memory) : 0;
    if (role == ContainerRole::kInit) most = std::max(most, sidecars + amount);
    if (role == ContainerRole::kSidecar) sidecars += amount;
    if (role != ContainerRole::kInit) stay += amount;
  }
  return std::max(most, stay);
}

/// The reference: tries all.
class Model {
 public:
  std::vector<Card> cards = {};
  std::optional<int> quota = {};  // memory that the namespace may still have

  /// Whether so many of these pods fit together.
  bool fits(const Asked& asked, int count) {
    if (count == 0) return true;
    const int all = peak(
        asked, [](std::size_t) { return true; }, false);
    if (quota && all > *quota) return false;
    std::vector<std::size_t> on(asked.containers.size());
    if (quota) *quota -= all;
    const bool found = assign(asked, count, on, 0) || (count == 1 && fits_in_pieces(asked));
    if (quota) *quota += all;
    return found;
  }

 private:
  bool assign(const Asked& asked, int count, std::vector<std::size_t>& on, std::size_t at) {
    if (at == on.size()) return take(asked, count, on);
    for (std::size_t card = 0; card < cards.size(); ++card) {
      if (at > 0 && cards[card].node != cards[on[0]].node) continue;
      on[at] = card;
      if (assign(asked, count, on, at + 1)) return true;
    }
    return false;
  }

  bool take(const Asked& asked, int count, const std::vector<std::size_t>& on) {
    const std::vector<Card> before = cards;
    bool is_enough = true;
    for (std::size_t card = 0; card < cards.size(); ++card) {
      const auto here = [&](std::size_t container) { return on[container] == card; };
      Room& room = cards[card].room;
      room.memory -= peak(asked, here, false);
      room.slots -= peak(asked, here, true);
      is_enough = is_enough && room.memory >= 0 && room.slots >= 0;
    }
    for (const auto& [role, memory] : asked.containers) is_enough = is_enough && memory <= kMemory;
    const bool found = is_enough && fits(asked, count - 1);
    cards = before;
    return found;
  }

  /// Pieces on devices of one node can make whatever lies between their smallest and their largest.
  bool fits_in_pieces(const Asked& asked) const {
    if (!asked.split) return false;
    const auto [most_pieces, smallest] = *asked.split;
    const int wanted = asked.containers[0].second;
    for (unsigned set = 1; set < 1U << cards.size(); ++set) {
      const int pieces = std::popcount(set);
      int largest = 0;
      bool all_give = pieces <= most_pieces;
      const std::string& node = cards[static_cast<std::size_t>(std::countr_zero(set))].node;
      for (std::size_t card = 0; card < cards.size(); ++card) {
        if ((set >> card & 1U) == 0) continue;
        const Room& room = cards[card].room;
        largest += room.memory;
        all_give =
            all_give && cards[card].node == node && room.slots > 0 && room.memory >= smallest;
      }
      if (all_give && pieces * smallest <= wanted && wanted <= largest) return true;
    }
    return false;
  }
};

struct Case {
  std::vector<Card> cards = {};  // empty ones
  std::vector<Running> running = {};
  std::optional<int> quota = {};
  Asked asked = {};
  int priority = 0;

  Case() {
    const int nodes = any(1, 3);
    for (int node = 0; node < nodes; ++node)
      for (int card = any(1, 3); card-- > 0;)
        cards.push_back(
            {fmt::format("n{}", node), fmt::format("GPU-{}-{}", node, card), {kSlots, kMemory}});
    std::vector<Card> free = cards;
    for (int i = any(0, 8); i-- > 0;) {
      const auto card = static_cast<std::size_t>(any(0, static_cast<int>(cards.size())));
      const int memory = any(1, kMemory + 1);
      if (free[card].room.memory < memory || free[card].room.slots == 0) continue;
      free[card].room.memory -= memory;
      --free[card].room.slots;
      running.push_back({fmt::format("r{}", i), card, memory, any(0, 2)});
    }
    if (any(0, 3) == 0) quota = any(1, 50);
    priority = any(0, 3);
    const int shape = any(0, 4);
    const int largest = any(0, 2) == 0 ? kMemory : kMemory / 3;
    const auto add = [this, largest](ContainerRole role) {
      asked.containers.emplace_back(role, any(1, largest + 1));
    };
    if (shape == 1) add(ContainerRole::kInit);
    if (shape >= 1) add(ContainerRole::kSidecar);
    if (shape == 2) add(ContainerRole::kInit);
    add(ContainerRole::kApp);
    if (shape == 0 && any(0, 2) == 0) {
      asked.split = {any(1, 4), any(1, 4)};
      asked.containers[0].second = any(1, 2 * kMemory);
    }
  }

  /// As the reference sees it, without the pods of `ended`, of the running ones.
  Model model(unsigned ended = 0) const {
    Model model{.cards = cards, .quota = quota};
    for (std::size_t i = 0; i < running.size(); ++i) {
      if (model.quota) *model.quota -= running[i].memory;  // also of those that end
      if ((ended >> i & 1U) != 0) continue;
      model.cards[running[i].card].room.memory -= running[i].memory;
      --model.cards[running[i].card].room.slots;
    }
    return model;
  }

  Objects objects() const {
    Objects objects;
    for (const Card& card : cards) {
      if (objects.nodes.empty() || objects.nodes.back().metadata.name != card.node)
        objects.nodes.push_back({.metadata = {.name = card.node}});
      objects.nodes.back().metadata.annotations["hami.io/node-nvidia-register"] +=
          fmt::format("{},{},{},100,NVIDIA T4,0,true:", card.uuid, kSlots, kMemory);
    }
    for (const Running& one : running) {
      Pod pod{.metadata = {.namespace_name = "default", .name = one.name},
              .node_name = cards[one.card].node,
              .phase = "Running",
              .priority = one.priority,
              .containers = {{.name = "main"}}};
      pod.metadata.annotations["hami.io/vgpu-devices-allocated"] =
          fmt::format("{},NVIDIA,{},10:;", cards[one.card].uuid, one.memory);
      objects.pods.push_back(std::move(pod));
    }
    if (quota)
      objects.quotas.push_back({.metadata = {.namespace_name = "default", .name = "q"},
                                .hard = {{"limits.nvidia.com/gpumem", std::to_string(*quota)}}});
    return objects;
  }

  Pod pod(int number = 0) const {
    Pod pod{.metadata = {.namespace_name = "default", .name = fmt::format("p{}", number)},
            .priority = priority,
            .gang = "together"};
    for (const auto& [role, memory] : asked.containers)
      pod.containers.push_back(
          {.name = fmt::format("c{}", pod.containers.size()),
           .role = role,
           .limits = {{"nvidia.com/gpu", "1"}, {"nvidia.com/gpumem", std::to_string(memory)}}});
    if (asked.split)
      pod.metadata.annotations["melon.dev/split"] =
          fmt::format("{},{}", asked.split->first, asked.split->second * 1000 / kMemory);
    return pod;
  }

  WhatIf what_if() const {
    static const auto kDescriptors = config::load_descriptors("").value();
    WhatIf made = WhatIf::make(objects(), kDescriptors, {}).value();
    RC_ASSERT(made.set_aside().empty());
    return made;
  }
};

/// Takes what an answer gives its pod; whether it was there to be taken.
bool take(const Case& one, const Answer& answer, Model& model) {
  std::vector<std::vector<std::size_t>> on;  // by container: cards
  std::vector<std::vector<int>> of;
  for (const PlacedContainer& container : answer.containers) {
    on.emplace_back();
    of.emplace_back();
    for (const PlacedDevice& device : container.devices) {
      const auto card = std::ranges::find(model.cards, device.uuid, &Card::uuid);
      if (card == model.cards.end() || card->node != answer.node) return false;
      on.back().push_back(static_cast<std::size_t>(card - model.cards.begin()));
      of.back().push_back(static_cast<int>(device.memory_mib));
    }
  }
  if (on.size() != one.asked.containers.size()) return false;
  for (std::size_t card = 0; card < model.cards.size(); ++card) {
    Asked here = one.asked;
    for (std::size_t i = 0; i < on.size(); ++i) {
      const auto found = std::ranges::find(on[i], card);
      here.containers[i].second =
          found == on[i].end() ? 0 : of[i][static_cast<std::size_t>(found - on[i].begin())];
    }
    const auto uses = [&](std::size_t i) { return here.containers[i].second > 0; };
    Room& room = model.cards[card].room;
    room.memory -= peak(here, uses, false);
    room.slots -= peak(here, uses, true);
    if (room.memory < 0 || room.slots < 0) return false;
  }
  if (!model.quota) return true;
  *model.quota -= peak(
      one.asked, [](std::size_t) { return true; }, false);
  return *model.quota >= 0;
}

RC_GTEST_PROP(TogetherLaws, AGangStartsWhereAllOfItFits, ()) {
  const Case one;
  const int count = any(1, 4);
  std::vector<Pod> pods;
  for (int i = 0; i < count; ++i) pods.push_back(one.pod(i));
  WhatIf what_if = one.what_if();
  const std::vector<Answer> answers = what_if.place_together(pods);
  const bool placed = answers.front().is_placed();
  RC_CLASSIFY(placed && count > 1, "a gang");
  RC_CLASSIFY(!placed, "none");
  Model left = one.model();
  for (const Answer& answer : answers) {
    RC_ASSERT(answer.refusal.empty());
    RC_ASSERT(answer.is_placed() == placed);
    if (placed) RC_ASSERT(take(one, answer, left));
  }
  // Of larger members no better arrangement is searched for than one after the other.
  const bool is_complete = count == 1 || (one.asked.containers.size() == 1 && !one.asked.split);
  if (is_complete) RC_ASSERT(placed == one.model().fits(one.asked, count));
}

RC_GTEST_PROP(TogetherLaws, AsFewEndAsMakeRoomAndNoneForAQuota, ()) {
  const Case one;
  WhatIf what_if = one.what_if();
  const Answer answer = what_if.ask_preempting(one.pod()).value();
  RC_ASSERT(answer.is_placed() == one.model().fits(one.asked, 1));
  if (answer.is_placed()) return;
  std::optional<int> fewest;
  for (unsigned ended = 1; ended < 1U << one.running.size(); ++ended) {
    bool may_end = true;
    for (std::size_t i = 0; i < one.running.size(); ++i)
      may_end = may_end && ((ended >> i & 1U) == 0 || one.running[i].priority < one.priority);
    if (may_end && one.model(ended).fits(one.asked, 1))
      fewest = std::min(fewest.value_or(32), std::popcount(ended));
  }
  RC_CLASSIFY(fewest.has_value(), "victims");
  RC_ASSERT(answer.preemption.has_value() == fewest.has_value());
  if (!fewest) return;
  RC_ASSERT(static_cast<int>(answer.preemption->pods.size()) == *fewest);
  unsigned ended = 0;
  for (const std::string& name : answer.preemption->pods)
    for (std::size_t i = 0; i < one.running.size(); ++i)
      if (name == "default/" + one.running[i].name) ended |= 1U << i;
  RC_ASSERT(one.model(ended).fits(one.asked, 1));
}

}  // namespace
}  // namespace melon::kube

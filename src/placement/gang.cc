// SPDX-License-Identifier: Apache-2.0
// Places pods that start together: tries it on the engine itself, and takes it back.
#include "placement/gang.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>

namespace melon::placement {
namespace {

/// Ids that nobody else gives: they begin with a byte that no name may hold.
std::string trial_id(std::size_t number) { return "\x01gang/" + std::to_string(number); }

std::int64_t devices_of(const Shape& shape) {
  std::int64_t sum = 0;
  for (const Shape::Step& step : shape.steps())
    sum += std::int64_t{step.demand.count} * (step.demand.whole ? 1000 : 1);
  return sum;
}

/// What decides which of two members is larger: devices, then what they take of each, the memory
/// first, then of the host.
using Size =
    std::tuple<std::int64_t, std::array<std::int64_t, kDimensions>, std::int64_t, std::int64_t>;

Size size_of(const Shape& shape) {
  std::array<std::int64_t, kDimensions> taken{};
  for (const Shape::Step& step : shape.steps()) {
    const DeviceDemand& demand = step.demand;
    for (std::size_t i = 0; i < kDimensions; ++i)
      if (i != kPlaces) taken[i] += std::int64_t{demand.count} * demand.each[i];
    taken[kMemory] += std::int64_t{demand.count} * demand.memory_permille.value_or(0);
    taken[kCompute] += std::int64_t{demand.count} * demand.compute_permille.value_or(0);
  }
  std::swap(taken[0], taken[kMemory]);  // the memory decides first
  return {devices_of(shape), taken, shape.host().cpu_milli, shape.host().memory_mib};
}

/// The largest parts come first, so that the smaller ones fill what those leave; of equals, the
/// first that was named.
std::vector<std::size_t> order_of(const Gang& gang) {
  std::vector<std::size_t> order(gang.parts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater<>(),
                           [&gang](std::size_t part) { return size_of(*gang.parts[part].shape); });
  return order;
}

class Attempt {
 public:
  Attempt(Engine& engine, const Gang& gang, const Policy& policy)
      : engine_(engine), gang_(gang), policy_(policy) {}
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  ~Attempt() {
    for (std::size_t i = members_.size(); i-- > 0;) engine_.index().release(trial_id(i));
  }

  void run() {
    for (const std::size_t part : order_of(gang_)) {
      std::size_t left = gang_.parts[part].count;
      while (left > 0 && place_one(part)) --left;
      if (left > 0 && !blocked_) blocked_ = part;
    }
  }

  std::size_t placed() const { return members_.size(); }

  GangAnswer answer() {
    GangAnswer answer{.blocked = blocked_};
    if (blocked_) answer.reasons = explain(engine_.index(), *gang_.parts[*blocked_].shape);
    answer.members = members_;
    return answer;
  }

 private:
  bool place_one(std::size_t part) {
    const Shape& shape = *gang_.parts[part].shape;
    auto decision = engine_.place_or_split(shape, policy_);
    if (!decision || !engine_.commit({.id = trial_id(members_.size())}, shape, *decision))
      return false;
    members_.push_back({part, std::move(*decision)});
    return true;
  }

  Engine& engine_;
  const Gang& gang_;
  const Policy& policy_;
  std::vector<GangMember> members_ = {};
  std::optional<std::size_t> blocked_ = {};
};

}  // namespace

GangAnswer place_gang(Engine& engine, const Gang& gang, const Policy& policy) {
  std::size_t asked = 0;
  for (const GangPart& part : gang.parts) asked += part.count;
  std::vector<const Policy*> ways = {&policy};
  for (const char* const name : {"binpack", "spread"})
    if (policy.name != name) ways.push_back(find_policy(name));
  GangAnswer best;
  bool is_first = true;
  for (const Policy* const way : ways) {
    Attempt attempt(engine, gang, *way);
    attempt.run();
    if (is_first || attempt.placed() > best.members.size()) best = attempt.answer();
    is_first = false;
    if (best.members.size() == asked) break;
  }
  best.asked = asked;
  best.least = gang.least == 0 ? asked : std::min(gang.least, asked);
  return best;
}

bool commit_gang(Engine& engine, const Gang& gang, const GangAnswer& answer,
                 std::vector<GrantEntry> grants) {
  if (!answer.fits() || grants.size() != answer.members.size()) return false;
  std::vector<std::string> booked;
  for (std::size_t i = 0; i < grants.size(); ++i) {
    const GangMember& member = answer.members[i];
    std::string id = grants[i].id;
    if (engine.commit(std::move(grants[i]), *gang.parts[member.part].shape, member.decision)) {
      booked.push_back(std::move(id));
      continue;
    }
    for (const std::string& taken : booked) engine.index().release(taken);
    return false;
  }
  return true;
}

}  // namespace melon::placement

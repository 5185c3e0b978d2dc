// SPDX-License-Identifier: Apache-2.0
// Puts a single machine before the engine, and the engine's answers into a machine's words.
#include "placement/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "placement/detail/machine_node.h"
#include "placement/detail/refusal_words.h"
#include "placement/detail/selection.h"
#include "placement/explain.h"

namespace melon::placement {
namespace {

using core::Device;
using core::Request;
using detail::kThisNode;

// Requests of a single machine are seldom alike, and one node is ranked at once.
constexpr EngineOptions kOptions{.ranking_bytes = 0, .shapes = 16};

std::unique_ptr<Engine> new_engine(const NodeSpec& node) {
  auto engine = std::make_unique<Engine>(kOptions);
  // Ids are unique and amounts are bounded: there is nothing to refuse, here and below.
  static_cast<void>(engine->index().apply(node, 0));
  return engine;
}

std::uint32_t node_in(const Engine& engine) { return *engine.index().find_node(kThisNode); }

std::shared_ptr<const Shape> prepare(Engine& engine, const DeviceDemand& demand) {
  PodRequest pod;
  pod.containers.push_back({.devices = {demand}});
  return engine.shape(pod);
}

std::optional<Decision> decide(Engine& engine, const Shape& shape) {
  return engine.place(shape, Machine::policy());
}

/// The most compute that a slice of the request may get.
Permille ceiling_of(const Request& request) {
  return request.share_mode() == core::ShareMode::kHard
             ? request.booked()
             : request.max_compute.value_or(kWholeDevice);
}

/// The largest amount of a rule's dimension with which the demand is placed; empty: none is.
std::optional<std::int32_t> largest(Engine& engine, const DeviceDemand& impossible, Rule rule) {
  for (const Nearest& smaller : nearest(engine.index(), *prepare(engine, impossible)))
    if (smaller.rule == rule && decide(engine, *engine.shape(smaller.request)))
      return static_cast<std::int32_t>(smaller.fits);
  return std::nullopt;
}

}  // namespace

/// One request about some of the devices: the selection once, then whatever is asked of it.
class Machine::Question {
 public:
  Question(const Machine& machine, const Request& request, std::vector<const Device*> among,
           const detail::Conditions& conditions)
      : machine_(machine),
        request_(request),
        among_(std::move(among)),
        conditions_(conditions),
        selection_(detail::select(among_, request, conditions)),
        demand_(detail::demand_of(request)) {
    demand_.not_uuids = selection_.not_offered();
    for (const Device& device : machine.devices_)
      if (std::ranges::find(among_, &device) == among_.end())
        demand_.not_uuids.push_back(device.id);
  }

  std::optional<Placement> answer() const { return answer(demand_); }

  std::variant<Placement, Refusal> answer_or_refusal() const {
    if (auto placement = answer()) return std::move(*placement);
    return refusal();
  }

  std::vector<Standing> standings() const {
    std::vector<Standing> fitting;
    std::vector<Standing> refused;
    const auto answers = ask(*machine_.now_);
    for (const detail::Candidate& candidate : selection_.candidates) {
      Standing standing{.device = candidate.device->id,
                        .rejections = rejections(candidate, answers)};
      if (!standing.rejections.empty()) {
        refused.push_back(std::move(standing));
      } else if (candidate.is_offered) {
        const DeviceAnswer& answer = answers.at(candidate.device->id);
        standing.memory_left = MiB(answer.offered[kMemory] - answer.asked[kMemory]);
        standing.compute_left = Permille(answer.offered[kCompute] - answer.asked[kCompute]);
        fitting.push_back(std::move(standing));
      }
    }
    sort_as_taken(fitting);
    fitting.insert(fitting.end(), std::make_move_iterator(refused.begin()),
                   std::make_move_iterator(refused.end()));
    return fitting;
  }

  /// The ids of the devices that would take a slice if nobody were on the machine.
  std::vector<std::string> usable() const {
    std::vector<std::string> ids;
    const auto answers = ask(*machine_.idle_);
    for (const detail::Candidate& candidate : selection_.candidates)
      if (candidate.is_offered && answers.at(candidate.device->id).rules.empty())
        ids.push_back(candidate.device->id);
    if (std::ssize(ids) < request_.count) ids.clear();
    return ids;
  }

 private:
  using Answers = std::map<std::string, DeviceAnswer>;  // by id

  std::optional<Placement> answer(const DeviceDemand& demand) const {
    Engine& engine = *machine_.now_;
    const auto decision = decide(engine, *prepare(engine, demand));
    if (!decision) return std::nullopt;
    const detail::NodeTable& nodes = engine.index().nodes();
    const auto cards = nodes.cards_of(nodes.rows[decision->node]);
    Placement placement;
    for (const detail::ContainerSlice& slice : decision->layout.slices)
      placement.push_back({.device = cards[slice.card].uuid,
                           .memory = MiB(slice.amounts[kMemory]),
                           .compute = Permille(slice.amounts[kCompute]),
                           .ceiling = ceiling_of(request_)});
    return placement;
  }

  /// Into the order in which the engine would take all of them.
  void sort_as_taken(std::vector<Standing>& fitting) const {
    if (fitting.empty()) return;
    DeviceDemand all = demand_;
    all.count = static_cast<int>(fitting.size());
    const Placement order = answer(all).value_or(Placement{});
    std::ranges::stable_sort(fitting, {}, [&order](const Standing& standing) {
      return std::ranges::find(order, standing.device, &core::Slice::device) - order.begin();
    });
  }

  Answers ask(Engine& engine) const {
    Answers answers;
    for (DeviceAnswer& answer :
         device_answers(engine.index(), *prepare(engine, demand_), node_in(engine)))
      answers.emplace(answer.uuid, std::move(answer));
    return answers;
  }

  std::vector<Rejection> rejections(const detail::Candidate& candidate,
                                    const Answers& answers) const {
    if (candidate.barred) return {*candidate.barred};
    if (!candidate.is_offered) return {};
    return detail::in_words(answers.at(candidate.device->id), request_,
                            machine_.state_of(*candidate.device), machine_.limits_);
  }

  Refusal refusal() const {
    Refusal refusal;
    const auto answers = ask(*machine_.now_);
    std::size_t fitting = 0;
    for (const detail::Candidate& candidate : selection_.candidates) {
      auto found = rejections(candidate, answers);
      if (candidate.is_offered && found.empty()) ++fitting;
      refusal.rejections.insert(refusal.rejections.end(), std::make_move_iterator(found.begin()),
                                std::make_move_iterator(found.end()));
    }
    if (auto whole = detail::as_a_whole(selection_, request_, fitting))
      refusal.rejections.push_back(std::move(*whole));
    offer(refusal);
    refusal.can_ever_fit = fits_without_grants();
    return refusal;
  }

  /// The engine's nearest smaller requests: one amount smaller, or both where that does not help.
  void offer(Refusal& refusal) const {
    Engine& engine = *machine_.now_;
    const bool books_compute = request_.booked() > Permille(0);
    const auto any_memory = detail::with_memory(demand_, kMostAmount);
    const auto take = [&refusal](std::optional<std::int32_t> memory,
                                 std::optional<std::int32_t> compute) {
      if (memory) refusal.memory_that_fits = MiB(*memory);
      if (compute) refusal.compute_that_fits = Permille(*compute);
    };
    take(largest(engine, any_memory, Rule::kDeviceMemory), {});
    if (!books_compute) return;
    take({}, largest(engine, detail::with_compute(demand_, kMostAmount), Rule::kCompute));
    if (refusal.memory_that_fits || refusal.compute_that_fits) return;
    const auto memory = largest(engine, detail::with_compute(any_memory, 1), Rule::kDeviceMemory);
    if (!memory) return;
    const auto rest = detail::with_compute(detail::with_memory(demand_, *memory), kMostAmount);
    take(memory, largest(engine, rest, Rule::kCompute));
    refusal.together = true;
  }

  bool fits_without_grants() const {
    const Question alone(machine_, request_, among_,
                         {.whatever_health = conditions_.whatever_health});
    return decide(*machine_.idle_, *prepare(*machine_.idle_, alone.demand_)).has_value();
  }

  const Machine& machine_;
  const Request& request_;
  std::vector<const Device*> among_;
  detail::Conditions conditions_;
  detail::Selection selection_;
  DeviceDemand demand_;
};

/// Lets a grant's slices go, and holds them again.
class Machine::SetAside {
 public:
  SetAside(Index& index, const core::Grant& grant)
      : index_(index), grant_(grant), held_(index.release(grant.id)) {}
  SetAside(const SetAside&) = delete;
  SetAside& operator=(const SetAside&) = delete;
  ~SetAside() {
    if (held_) book(index_, grant_.id, grant_.slices);
  }

  static void book(Index& index, const std::string& grant, const Placement& slices) {
    GrantSpec spec{.id = grant, .node = kThisNode};
    for (const core::Slice& slice : slices)
      spec.slices.push_back(
          {.uuid = slice.device, .amounts = detail::amounts_of(1, slice.memory, slice.compute)});
    static_cast<void>(index.apply(spec, 0));
  }

 private:
  Index& index_;
  const core::Grant& grant_;
  bool held_;
};

Machine::Machine(Limits limits)
    : limits_(limits),
      now_(new_engine(detail::node_of({}, limits))),
      idle_(new_engine(detail::node_of({}, limits))) {}

const Policy& Machine::policy() {
  static const Policy& closest = *find_policy("closest");
  return closest;
}

void Machine::set_devices(std::vector<Device> devices) {
  devices_ = std::move(devices);
  const NodeSpec node = detail::node_of(devices_, limits_);
  static_cast<void>(now_->index().apply(node, 0));
  static_cast<void>(idle_->index().apply(node, 0));
}

const Device* Machine::find_device(std::string_view id) const {
  const auto found = std::ranges::find(devices_, id, &Device::id);
  return found == devices_.end() ? nullptr : &*found;
}

bool Machine::knows_device(std::string_view name) const {
  return std::ranges::any_of(
      devices_, [name](const Device& device) { return detail::is_named(device, name); });
}

DeviceState Machine::state_of(const Device& device) const {
  DeviceState state{.device = device};
  const detail::NodeTable& nodes = now_->index().nodes();
  const detail::NodeRow& row = nodes.rows[node_in(*now_)];
  const auto cards = nodes.cards_of(row);
  const auto card = std::ranges::find(cards, device.id, &detail::CardEntry::uuid) - cards.begin();
  const auto at = static_cast<std::size_t>(card);
  const Amounts& capacity = nodes.kinds[nodes.kind_of(row)[at]].capacity;
  const Amounts booked =
      bookable(capacity, nodes.entries[node_in(*now_)].oversubscription) - nodes.room_of(row)[at];
  state.booked_memory = MiB(booked[kMemory]);
  state.booked_compute = Permille(booked[kCompute]);
  state.grants = booked[kSlots];
  return state;
}

std::vector<DeviceState> Machine::states() const {
  std::vector<DeviceState> states;
  states.reserve(devices_.size());
  for (const Device& device : devices_) states.push_back(state_of(device));
  return states;
}

void Machine::hold(const std::string& grant, const Placement& slices) {
  SetAside::book(now_->index(), grant, slices);
}

void Machine::release(const std::string& grant) { now_->index().release(grant); }

std::vector<const Device*> Machine::all() const {
  std::vector<const Device*> devices;
  for (const Device& device : devices_) devices.push_back(&device);
  return devices;
}

std::variant<Placement, Refusal> Machine::place(const Request& request,
                                                const std::set<std::string>& reserved) const {
  return Question(*this, request, all(), {.reserved = &reserved}).answer_or_refusal();
}

std::optional<Placement> Machine::find_place(const Request& request,
                                             const std::set<std::string>& reserved) const {
  return Question(*this, request, all(), {.reserved = &reserved}).answer();
}

std::optional<Placement> Machine::keep_place(const core::Grant& grant,
                                             const Request& request) const {
  Placement placement = grant.slices;
  for (core::Slice& slice : placement) {
    const core::Slice held = slice;
    if (request.memory != grant.request.memory) {
      const Device* const device = find_device(held.device);
      if (!request.memory || (request.memory->of_device && device == nullptr)) return std::nullopt;
      slice.memory =
          request.memory->of_device ? request.memory->on(device->memory) : request.memory->absolute;
    }
    slice.compute = request.booked();
    slice.ceiling = ceiling_of(request);
    if (slice.memory > held.memory || slice.compute > held.compute) return std::nullopt;
  }
  return placement;
}

std::variant<Placement, Refusal> Machine::place_again(const core::Grant& grant,
                                                      const Request& request,
                                                      const std::set<std::string>& reserved) const {
  if (auto kept = keep_place(grant, request)) return std::move(*kept);
  const SetAside aside(now_->index(), grant);
  std::vector<const Device*> own;
  for (const Device& device : devices_)
    if (std::ranges::find(grant.slices, device.id, &core::Slice::device) != grant.slices.end())
      own.push_back(&device);
  return Question(*this, request, std::move(own), {.whatever_health = true, .reserved = &reserved})
      .answer_or_refusal();
}

std::vector<Standing> Machine::compare(const core::Grant& grant) const {
  const SetAside aside(now_->index(), grant);
  return Question(*this, grant.request, all(), {}).standings();
}

std::vector<std::string> Machine::usable_devices(const Request& request) const {
  return Question(*this, request, all(), {.whatever_health = true}).usable();
}

}  // namespace melon::placement

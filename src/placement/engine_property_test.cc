// SPDX-License-Identifier: Apache-2.0
// Laws of the engine over random clusters, requests and events.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>

#include "placement/engine.h"

namespace melon::placement {
namespace {

int any(int least, int below) { return *rc::gen::inRange(least, below); }

DeviceSpec any_device(const std::string& node, int index) {
  DeviceSpec device{.uuid = node + "/" + std::to_string(index),
                    .vendor = *rc::gen::element<std::string>("acme", "apex"),
                    .type = *rc::gen::element<std::string>("A", "B"),
                    .index = index};
  device.capacity[kSlots] = any(1, 5);
  device.capacity[kMemory] = any(1, 9);
  device.capacity[kCompute] = any(1, 9);
  device.capacity[kFirstExtra] = any(0, 4);
  device.healthy = any(0, 8) > 0;
  device.numa = any(0, 2);
  return device;
}

NodeSpec any_node(int number) {
  NodeSpec node{.name = "n" + std::to_string(number),
                .rank = static_cast<std::uint32_t>(any(0, 3))};
  node.capacity = {.cpu_milli = any(0, 20), .memory_mib = any(0, 20), .pods = any(0, 9)};
  const int cards = any(0, 4);
  for (int i = 0; i < cards; ++i) node.devices.push_back(any_device(node.name, i));
  if (any(0, 6) == 0) node.oversubscription = {.memory_permille = 1500, .compute_permille = 2000};
  return node;
}

DeviceDemand any_demand() {
  DeviceDemand demand{.vendor = *rc::gen::element<std::string>("acme", "acme", "apex", ""),
                      .count = any(1, 3)};
  demand.each[kMemory] = any(0, 6);
  demand.each[kCompute] = any(0, 6);
  demand.each[kFirstExtra] = any(0, 8) == 0 ? 1 : 0;
  if (any(0, 5) == 0) demand.types = {"A"};
  demand.whole = any(0, 8) == 0;
  if (any(0, 8) == 0) demand.memory_permille = any(1, 1001);
  if (any(0, 8) == 0) demand.compute_permille = any(1, 1001);
  demand.alone_with_all = any(0, 4) == 0;
  demand.needs_compute_left = any(0, 4) == 0;
  demand.one_numa = any(0, 8) == 0;
  return demand;
}

PodRequest any_request() {
  PodRequest request;
  const int containers = *rc::gen::weightedElement<int>({{6, 1}, {3, 2}, {1, 3}});
  for (int i = 0; i < containers; ++i) {
    ContainerRequest container{.host = {.cpu_milli = any(0, 4), .memory_mib = any(0, 4)}};
    container.role =
        *rc::gen::weightedElement<Role>({{4, Role::kApp}, {1, Role::kInit}, {1, Role::kSidecar}});
    if (any(0, 6) > 0) container.devices.push_back(any_demand());
    request.containers.push_back(std::move(container));
  }
  return request;
}

std::vector<TargetShape> some_targets() {
  std::vector<TargetShape> targets(3);
  targets[0] = {.cpu_milli = 2, .devices = DeviceDemand{.each = {{1, 2, 2}}}, .weight = 5};
  targets[1] = {
      .cpu_milli = 4, .devices = DeviceDemand{.count = 2, .each = {{1, 4, 4}}}, .weight = 2};
  targets[2] = {.cpu_milli = 1, .weight = 1};
  return targets;
}

/// An engine over random nodes, some of them filled by its own decisions.
struct Filled {
  Engine engine;
  std::vector<NodeSpec> nodes;
  std::vector<std::string> grants;
  const Policy* policy = nullptr;
  bool has_targets = any(0, 2) == 0;

  Filled() {
    policy = &policies()[static_cast<std::size_t>(any(0, static_cast<int>(policies().size())))];
    if (policy->unused_only) policy = find_policy("numa");  // that one leaves free what would fit
    const int count = any(1, 6);
    for (int i = 0; i < count; ++i) {
      nodes.push_back(any_node(i));
      RC_ASSERT(engine.index().apply(nodes.back(), 1).has_value());
    }
    if (has_targets) engine.set_targets(some_targets());
    const int steps = any(0, 14);
    for (int i = 0; i < steps; ++i) step(i);
  }

  void step(int number) {
    if (any(0, 4) == 0 && !grants.empty()) {
      RC_ASSERT(engine.index().release(grants.back()));
      grants.pop_back();
      return;
    }
    const auto shape = engine.shape(any_request());
    const auto decision = engine.place(*shape, *policy);
    if (!decision) return;
    grants.push_back("g" + std::to_string(number));
    RC_ASSERT(engine.commit({.id = grants.back()}, *shape, *decision));
  }
};

/// The room of every card and the free amounts of every node, by name.
std::string state_of(const Index& index, const std::vector<NodeSpec>& nodes) {
  std::string state;
  for (const NodeSpec& node : nodes) {
    const auto slot = index.find_node(node.name);
    if (!slot) continue;
    const detail::NodeRow& row = index.nodes().rows[*slot];
    state += node.name + ":" + std::to_string(row.free.cpu_milli) + "," +
             std::to_string(row.free.memory_mib) + "," + std::to_string(row.free.pods);
    for (std::size_t i = 0; i < row.cards; ++i) {
      state += " " + index.nodes().cards_of(row)[i].uuid;
      for (const std::int32_t amount : index.nodes().room_of(row)[i].of)
        state += "," + std::to_string(amount);
    }
  }
  return state;
}

RC_GTEST_PROP(EngineLaws, NothingIsOvercommittedUnderAnyPolicy, ()) {
  const Filled filled;
  const detail::NodeTable& nodes = filled.engine.index().nodes();
  for (std::size_t i = 0; i < nodes.rows.size(); ++i) {
    const detail::NodeRow& row = nodes.rows[i];
    RC_ASSERT(HostAmounts{}.fits_in(row.free));
    for (std::size_t card = 0; card < row.cards; ++card)
      if (nodes.cards_of(row)[card].healthy) RC_ASSERT(Amounts{}.fits_in(nodes.room_of(row)[card]));
  }
  RC_ASSERT(filled.engine.index().audit().empty());
}

RC_GTEST_PROP(EngineLaws, PlaceThenReleaseRestores, ()) {
  Filled filled;
  const std::string before = state_of(filled.engine.index(), filled.nodes);
  const auto shape = filled.engine.shape(any_request());
  const auto decision = filled.engine.place(*shape, *filled.policy);
  RC_PRE(decision.has_value());
  RC_ASSERT(filled.engine.commit({.id = "new"}, *shape, *decision));
  RC_ASSERT(!filled.engine.commit({.id = "new"}, *shape, *decision));
  RC_ASSERT(filled.engine.index().release("new"));
  RC_ASSERT(state_of(filled.engine.index(), filled.nodes) == before);
}

RC_GTEST_PROP(EngineLaws, RankingsKeptUpToDateAnswerLikeNewOnes, ()) {
  Filled filled;
  Engine fresh;
  std::vector<NodeSpec> turned = filled.nodes;
  std::ranges::reverse(turned);
  for (NodeSpec& node : turned) {
    std::ranges::reverse(node.devices);  // nor does the order of nodes and devices matter
    RC_ASSERT(fresh.index().apply(node, 1).has_value());
  }
  if (filled.has_targets) fresh.set_targets(some_targets());
  for (const std::string& id : filled.grants)
    RC_ASSERT(fresh.index()
                  .apply(filled.engine.index().grant_spec(*filled.engine.index().find_grant(id)), 1)
                  .has_value());
  const PodRequest request = any_request();
  const auto mine = filled.engine.place(*filled.engine.shape(request), *filled.policy);
  const auto other = fresh.place(*fresh.shape(request), *filled.policy);
  RC_ASSERT(mine.has_value() == other.has_value());
  if (!mine) return;
  RC_ASSERT(filled.engine.index().nodes().entries[mine->node].name ==
            fresh.index().nodes().entries[other->node].name);
  RC_ASSERT(mine->layout.booked == other->layout.booked);
}

/// An event about an object: what it is from a version on, or that it is gone.
struct Event {
  std::optional<NodeSpec> node = {};
  std::optional<GrantSpec> grant = {};
  std::string gone_node = {}, gone_grant = {};
  std::uint64_t version = 0;

  void apply_to(Index& index) const {
    if (node) RC_ASSERT(index.apply(*node, version).has_value());
    if (grant) RC_ASSERT(index.apply(*grant, version).has_value());
    if (!gone_node.empty()) index.remove_node(gone_node, version);
    if (!gone_grant.empty()) index.remove_grant(gone_grant, version);
  }
};

std::vector<Event> any_events() {
  std::vector<Event> events;
  const int count = any(1, 14);
  for (int i = 1; i <= count; ++i) {
    Event event{.version = static_cast<std::uint64_t>(i)};
    const int number = any(0, 3);
    const int what = any(0, 6);
    if (what < 2) event.node = any_node(number);
    if (what == 2) event.gone_node = "n" + std::to_string(number);
    if (what == 3 || what == 4) {
      GrantSpec grant{.id = "g" + std::to_string(number), .node = "n" + std::to_string(any(0, 3))};
      grant.host.cpu_milli = any(0, 3);
      grant.slices = {{.uuid = grant.node + "/" + std::to_string(any(0, 3))}};
      grant.slices[0].amounts[kMemory] = any(0, 5);
      event.grant = grant;
    }
    if (what == 5) event.gone_grant = "g" + std::to_string(number);
    events.push_back(std::move(event));
  }
  return events;
}

RC_GTEST_PROP(IndexLaws, OrderAndRepetitionOfEventsDoNotMatter, ()) {
  const std::vector<Event> events = any_events();
  std::vector<std::size_t> order(events.size() * 2);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i % events.size();
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[static_cast<std::size_t>(any(0, static_cast<int>(i)))]);
  Index straight;
  for (const Event& event : events) event.apply_to(straight);
  Index shuffled;
  for (const std::size_t at : order) events[at].apply_to(shuffled);
  const std::vector<NodeSpec> names = {{.name = "n0"}, {.name = "n1"}, {.name = "n2"}};
  RC_ASSERT(state_of(straight, names) == state_of(shuffled, names));
  RC_ASSERT(straight.grant_count() == shuffled.grant_count());
  RC_ASSERT(straight.audit().empty());
  RC_ASSERT(shuffled.audit().empty());
}

detail::DeviceKind kind_of(const DeviceSpec& device) {
  return {device.vendor, device.type, device.capacity};
}

/// Whether any choice of cards for every demand fits: all of them are tried.
class BruteForce {
 public:
  BruteForce(const NodeSpec& node, const std::vector<Amounts>& room, const Shape& shape)
      : node_(node), room_(room), shape_(shape), chosen_(shape.steps().size()) {}
  bool fits() { return choose(0, 0); }

 private:
  bool choose(std::size_t step, std::size_t from) {
    if (step == shape_.steps().size()) return holds();
    const DeviceDemand& demand = shape_.steps()[step].demand;
    std::vector<std::size_t>& cards = chosen_[step];
    if (cards.size() == static_cast<std::size_t>(demand.count)) return choose(step + 1, 0);
    for (std::size_t card = from; card < node_.devices.size(); ++card) {
      const DeviceSpec& device = node_.devices[card];
      if (!accepts(demand, {device.vendor, device.type, device.capacity})) continue;
      if (!amounts_on(demand, kind_of(device)).fits_in(device.capacity)) continue;
      if (demand.one_numa && demand.count > 1 && !cards.empty() &&
          device.numa != node_.devices[cards[0]].numa)
        continue;
      cards.push_back(card);
      if (choose(step, card + 1)) return true;
      cards.pop_back();
    }
    return false;
  }

  bool holds() const {
    for (std::size_t card = 0; card < node_.devices.size(); ++card) {
      Amounts sidecars, apps;
      for (std::size_t step = 0; step < chosen_.size(); ++step) {
        if (std::ranges::find(chosen_[step], card) == chosen_[step].end()) continue;
        const DeviceDemand& demand = shape_.steps()[step].demand;
        const detail::DeviceKind kind = kind_of(node_.devices[card]);
        const Amounts need = amounts_on(demand, kind);
        const Role role = shape_.steps()[step].role;
        const Amounts others = role == Role::kApp ? sidecars + apps : sidecars;
        if (!(others + free_on(demand, kind)).fits_in(room_[card])) return false;
        if (role == Role::kSidecar) sidecars += need;
        if (role == Role::kApp) apps += need;
      }
    }
    return true;
  }

  const NodeSpec& node_;
  const std::vector<Amounts>& room_;
  const Shape& shape_;
  std::vector<std::vector<std::size_t>> chosen_;
};

RC_GTEST_PROP(EngineLaws, WhatFitsSomewhereIsPlaced, ()) {
  Filled filled;
  const auto shape = filled.engine.shape(any_request());
  const detail::NodeTable& nodes = filled.engine.index().nodes();
  bool fits = false;
  for (const NodeSpec& node : filled.nodes) {
    const detail::NodeRow& row = nodes.rows[*filled.engine.index().find_node(node.name)];
    const auto room = nodes.room_of(row);
    fits = fits || (shape->host().fits_in(row.free) &&
                    BruteForce(node, {room.begin(), room.end()}, *shape).fits());
  }
  const auto decision = filled.engine.place(*shape, *filled.policy);
  RC_CLASSIFY(fits, "fits");
  RC_ASSERT(decision.has_value() == fits);
}

}  // namespace
}  // namespace melon::placement

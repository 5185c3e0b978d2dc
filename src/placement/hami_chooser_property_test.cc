// SPDX-License-Identifier: Apache-2.0
// What is remembered of HAMi's choices is what they would be now, whatever happened in between.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "placement/hami_choice.h"

namespace melon::placement {
namespace {

int any(int least, int below) { return *rc::gen::inRange(least, below); }

NodeSpec any_node(int number) {
  NodeSpec node{.name = "n" + std::to_string(number),
                .rank = static_cast<std::uint32_t>(any(0, 2)),
                .capacity = {.cpu_milli = any(1, 9), .memory_mib = 9, .pods = 9}};
  const int cards = any(0, 4);
  for (int i = 0; i < cards; ++i)
    node.devices.push_back({.uuid = node.name + "/" + std::to_string(i),
                            .vendor = "NVIDIA",
                            .type = *rc::gen::element<std::string>("NVIDIA", "NVIDIA T4"),
                            .index = i,
                            .capacity = {{any(1, 4), any(2, 9), 100}},
                            .healthy = any(0, 6) > 0});
  return node;
}

PodRequest any_request() {
  PodRequest request;
  const int containers = any(1, 3);
  for (int i = 0; i < containers; ++i) {
    DeviceDemand demand{.vendor = "NVIDIA", .count = any(1, 3)};
    demand.each[kMemory] = any(0, 4);
    demand.each[kCompute] = *rc::gen::element(0, 40, 100);
    if (any(0, 3) == 0) demand.memory_permille = any(1, 1001);
    request.containers.push_back({.host = {.cpu_milli = any(0, 3)}, .devices = {demand}});
  }
  return request;
}

HamiOptions any_options() {
  HamiOptions options{
      .is_210 = any(0, 2) == 0, .spreads_nodes = any(0, 2) == 0, .spreads_cards = any(0, 2) == 0};
  if (any(0, 2) == 0) options.quota["NVIDIA"].memory_mib = any(0, 20);
  if (any(0, 4) == 0) options.quota["NVIDIA"].compute = any(0, 300);
  return options;
}

struct Question {
  std::shared_ptr<const Shape> shape;
  HamiOptions options;
};

/// Something that changes what nodes have.
void change(Engine& engine, int number) {
  Index& index = engine.index();
  const auto version = static_cast<std::uint64_t>(number + 2);
  switch (any(0, 5)) {
    case 0:
      RC_ASSERT(index.apply(any_node(any(0, 4)), version).has_value());
      return;
    case 1:
      index.remove_node("n" + std::to_string(any(0, 4)), version);
      return;
    case 2:
      index.release("g" + std::to_string(any(0, number + 1)));
      return;
    default:
      break;
  }
  const auto shape = engine.shape(any_request());
  if (const auto place = engine.place(*shape, *find_policy("binpack")))
    engine.commit({.id = "g" + std::to_string(number)}, *shape, *place);
}

void expect_alike(const HamiAnswer& mine, const HamiAnswer& fresh) {
  RC_ASSERT(mine.decision.has_value() == fresh.decision.has_value());
  if (mine.decision) {
    RC_ASSERT(mine.decision->node == fresh.decision->node);
    RC_ASSERT(mine.decision->layout.booked == fresh.decision->layout.booked);
  }
  RC_ASSERT(mine.failures.size() == fresh.failures.size());
  for (std::size_t i = 0; i < mine.failures.size(); ++i) {
    RC_ASSERT(mine.failures[i].text == fresh.failures[i].text);
    RC_ASSERT(mine.failures[i].nodes == fresh.failures[i].nodes);
    RC_ASSERT(mine.failures[i].example == fresh.failures[i].example);
  }
}

RC_GTEST_PROP(HamiChooser, RemembersNothingThatIsNotSoAnyMore, ()) {
  Engine engine;
  HamiChooser chooser(engine.index());
  for (int i = 0; i < 4; ++i) RC_ASSERT(engine.index().apply(any_node(i), 1).has_value());
  std::vector<Question> questions;
  for (int i = 0; i < 3; ++i) questions.push_back({engine.shape(any_request()), any_options()});
  const int steps = any(1, 12);
  for (int i = 0; i < steps; ++i) {
    const Question& asked = questions[static_cast<std::size_t>(any(0, 3))];
    expect_alike(chooser.choose(asked.shape, asked.options),
                 HamiChooser(engine.index()).choose(asked.shape, asked.options));
    change(engine, i);
  }
}

}  // namespace
}  // namespace melon::placement

// SPDX-License-Identifier: Apache-2.0
// How long single answers about large clusters take.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "placement/defragmentation.h"
#include "placement/engine.h"
#include "placement/explain.h"
#include "placement/gang.h"
#include "placement/place_bench.h"
#include "placement/preemption.h"

namespace melon::placement {
namespace {

void print_millis(std::string_view name, int nodes, double seconds) {
  fmt::print("{{\"name\":\"{}\",\"nodes\":{},\"milliseconds\":{:.2f}}}\n", name, nodes,
             seconds * 1e3);
  std::fflush(stdout);
}

/// The least of a few runs of `work`, each after `prepare`.
template <class Prepare, class Work>
double least_seconds(Prepare prepare, Work work) {
  double least = 1e9;
  for (int i = 0; i < 5; ++i) {
    prepare();
    const double start = cpu_seconds();
    work();
    least = std::min(least, seconds_since(start));
  }
  return least;
}

PodRequest asking(int count, std::int32_t compute) {
  DeviceDemand demand{.vendor = "acme", .count = count};
  demand.each[kCompute] = compute;
  PodRequest request;
  request.containers.push_back({.host = {.cpu_milli = 1000}, .devices = {demand}});
  return request;
}

/// Every second node full of eight grants of one device, of priorities 0 to 7.
void fill_half(Engine& engine, int nodes, int filled) {
  for (int i = 0; i < nodes; ++i)
    if (!engine.index().apply(node(i), 1)) std::abort();
  for (int i = 0; i < nodes; ++i) {
    if (i % 2 >= filled) continue;
    for (int card = 0; card < kCards; ++card) {
      GrantSpec grant{.id = fmt::format("g-{}-{}", i, card),
                      .node = fmt::format("node-{:06}", i),
                      .priority = (i / 2 + card * 3) % 8,
                      .group = fmt::format("group-{}", i % 100),
                      .host = {.cpu_milli = 1000}};
      grant.slices = {{.uuid = fmt::format("GPU-{:08x}-0000-{:04x}-0000", i, card)}};
      grant.slices[0].amounts[kCompute] = 600;
      if (!engine.index().apply(grant, 1)) std::abort();
    }
  }
}

}  // namespace

/// Time of this thread on its core, so that what else the machine does is not counted.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

NodeSpec node(int number) {
  NodeSpec spec{.name = fmt::format("node-{:06}", number),
                .rank = static_cast<std::uint32_t>(number) * 2'654'435'761U};
  const bool is_rich = number % 3 == 0;
  spec.capacity = {.cpu_milli = is_rich ? 128'000 : 96'000, .memory_mib = 786'432, .pods = 250};
  if (number % 4 == 0) spec.labels = {{"pool", number % 8 == 0 ? "a" : "b"}};
  for (int i = 0; i < kCards; ++i) {
    DeviceSpec device{.uuid = fmt::format("GPU-{:08x}-0000-{:04x}-0000", number, i),
                      .vendor = "acme",
                      .type = number % 5 == 0  ? "A100"
                              : number % 5 < 3 ? "H100"
                                               : "T4",
                      .index = i};
    device.capacity[kSlots] = 20;
    device.capacity[kMemory] = kMemoryMib;
    device.capacity[kCompute] = 1000;
    spec.devices.push_back(std::move(device));
  }
  return spec;
}

/// 1024 members of eight devices each, where half of the nodes are free; and one more than fits.
void gangs() {
  constexpr int kNodes = 10'000;
  Engine engine;
  fill_half(engine, kNodes, 1);
  const Policy& policy = *find_policy("binpack");
  const auto run = [&](std::size_t members) {
    const Gang gang{.parts = {{.shape = engine.shape(asking(8, 1000)), .count = members}}};
    if (place_gang(engine, gang, policy).fits() != (members <= kNodes / 2)) std::abort();
  };
  // A grant that comes and goes makes the first look at all nodes part of the time.
  const auto forget = [&] { engine.set_targets({}); };
  print_millis("gang of 1024 x 8 devices", kNodes, least_seconds(forget, [&] { run(1024); }));
  print_millis("gang that does not fit", kNodes, least_seconds(forget, [&] { run(5001); }));
}

/// A whole device, eight of them, and a share, where every node is full.
void preemptions() {
  constexpr int kNodes = 10'000;
  Engine engine;
  fill_half(engine, kNodes, 2);
  PreemptionOptions options;
  for (int i = 0; i < 100; i += 3) options.budgets[fmt::format("group-{}", i)] = i % 2;
  const auto run = [&](int count, std::int32_t compute, std::int32_t priority) {
    if (!preempt(engine, *engine.shape(asking(count, compute)), priority, options)) std::abort();
  };
  const auto forget = [&] { engine.set_targets({}); };
  print_millis("preemption by a share", kNodes, least_seconds(forget, [&] { run(1, 500, 100); }));
  print_millis("preemption by a device", kNodes, least_seconds(forget, [&] { run(1, 1000, 100); }));
  print_millis("preemption by eight devices", kNodes,
               least_seconds(forget, [&] { run(8, 1000, 100); }));
}

/// Why a request fits nowhere.
void explanations() {
  constexpr int kNodes = 10'000;
  Engine engine;
  fill_half(engine, kNodes, 2);
  const auto shape = engine.shape(asking(1, 1000));
  print_millis("explain", kNodes,
               least_seconds([] {},
                             [&] {
                               if (explain(engine.index(), *shape).empty()) std::abort();
                             }));
}

/// 100 000 grants and their nodes, told of once, in the wrong order.
void rebuild() {
  constexpr int kNodes = 12'500;
  const auto start = cpu_seconds();
  Index index;
  for (int i = 0; i < 100'000; ++i) {
    const int number = i / 8;
    GrantSpec grant{.id = fmt::format("g-{:06}", i),
                    .node = fmt::format("node-{:06}", number),
                    .host = {.cpu_milli = 1000}};
    grant.slices = {{.uuid = fmt::format("GPU-{:08x}-0000-{:04x}-0000", number, i % 8)}};
    grant.slices[0].amounts[kMemory] = 1000;
    if (!index.apply(grant, 1)) std::abort();
  }
  for (int i = 0; i < kNodes; ++i)
    if (!index.apply(node(i), 1)) std::abort();
  fmt::print("{{\"name\":\"rebuild from 100 000 grants\",\"seconds\":{:.3f}}}\n",
             seconds_since(start));
}

/// What can be moved where every device has a grant that leaves no room for another.
void defragmentations() {
  constexpr int kNodes = 10'000;
  Engine engine;
  fill_half(engine, kNodes, 2);
  std::vector<MovableGrant> movable;
  for (int i = 0; i < kNodes; ++i)
    for (int card = 0; card < kCards; ++card)
      movable.push_back({fmt::format("g-{}-{}", i, card), asking(1, 600)});
  const double start = cpu_seconds();
  if (!defragment(engine.index(), movable).moves.empty()) std::abort();
  print_millis("defragmentation where nothing can move", kNodes, seconds_since(start));
}

/// Nodes told of once, a placement that looks at all of them, and why a request fits on none.
void huge_cluster() {
  constexpr int kNodes = 200'000;
  Engine engine;
  const double start = cpu_seconds();
  for (int i = 0; i < kNodes; ++i)
    if (!engine.index().apply(node(i), 1)) std::abort();
  print_millis("huge cluster: rebuild", kNodes, seconds_since(start));
  const Policy& policy = *find_policy("binpack");
  const double asked = cpu_seconds();
  if (!engine.place(*engine.shape(asking(1, 500)), policy)) std::abort();
  print_millis("huge cluster: first placement", kNodes, seconds_since(asked));
  const auto never = engine.shape(asking(1, 2000));
  const double explained = cpu_seconds();
  if (explain(engine.index(), *never).empty()) std::abort();
  print_millis("huge cluster: explain", kNodes, seconds_since(explained));
}

}  // namespace melon::placement

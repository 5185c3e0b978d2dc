// SPDX-License-Identifier: Apache-2.0
// How many decisions a second on a full cluster, and how long the slow ones take; and what is asked
// of place_bench. Prints one JSON object a line, which bench/placement.py compares with the
// targets.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "placement/engine.h"
#include "placement/place_bench.h"

namespace melon::placement {
namespace {

constexpr double kFull = 0.9;
constexpr std::size_t kSteps = 60'000;

std::int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t size = 0;
  std::int64_t resident = 0;
  file >> size >> resident;
  return resident * 4096;
}

/// Which requests a run asks with.
enum class Mix { kCompute, kAmounts, kSelectors };

/// Shapes like those of the published trace: half whole cards, then shares, tasks without a device,
/// and a few of several cards; the popularity of the i-th falls with i.
struct Workload {
  std::vector<PodRequest> shapes;
  std::vector<double> weights;

  explicit Workload(Mix mix, std::mt19937_64& rng) {
    constexpr std::array kShares = {110, 160, 220, 230, 320, 460, 470, 550, 590, 650, 810};
    for (std::size_t i = 0; i < 151; ++i) {
      DeviceDemand demand{.vendor = "acme"};
      const std::size_t kind = i % 8;
      const bool is_share = kind >= 4 && kind < 7;
      demand.each[kCompute] = is_share ? kShares[rng() % kShares.size()] : 1000;
      if (mix != Mix::kCompute)
        demand.each[kMemory] = static_cast<std::int32_t>(
            is_share ? 1024 * (4 + rng() % 40) : static_cast<std::uint64_t>(kMemoryMib));
      if (i % 40 == 3) demand.count = i % 80 == 3 ? 8 : 2;
      PodRequest request;
      request.containers.push_back(
          {.host = {
               .cpu_milli = static_cast<std::int64_t>(1000 * (1 + rng() % 12) / (is_share ? 2 : 1)),
               .memory_mib = static_cast<std::int64_t>(1024 * (2 + rng() % 30))}});
      if (kind != 7) request.containers[0].devices = {demand};
      if (mix == Mix::kSelectors && i % 3 == 0) request.containers[0].devices.resize(1, demand);
      if (mix == Mix::kSelectors && i % 3 == 0 && kind != 7)
        request.containers[0].devices[0].types = {"A100", "H100"};
      if (mix == Mix::kSelectors && i % 5 == 1)
        request.labels = {{.key = "pool", .op = LabelRule::Operator::kNotIn, .values = {"b"}}};
      shapes.push_back(std::move(request));
      weights.push_back(1.0 / static_cast<double>((i + 1) * (i + 4)) + 0.0002);
    }
  }
};

std::vector<TargetShape> targets_of(const Workload& workload) {
  std::vector<TargetShape> targets;
  for (std::size_t i = 0; i < workload.shapes.size(); ++i) {
    const ContainerRequest& container = workload.shapes[i].containers[0];
    TargetShape target{.cpu_milli = container.host.cpu_milli,
                       .weight = static_cast<std::int64_t>(workload.weights[i] * 10'000)};
    if (!container.devices.empty()) target.devices = container.devices[0];
    if (target.weight > 0) targets.push_back(std::move(target));
  }
  return targets;
}

class Bench {
 public:
  Bench(int nodes, Mix mix, std::string_view policy)
      : rng_(1), workload_(mix, rng_), policy_(*find_policy(policy)), nodes_(nodes) {
    const std::int64_t before = resident_bytes();
    for (int i = 0; i < nodes; ++i) {
      const auto applied = engine_.index().apply(node(i), 1);
      if (!applied) std::abort();
    }
    node_bytes_ = (resident_bytes() - before) / nodes;
    engine_.set_targets(targets_of(workload_));
    for (const PodRequest& request : workload_.shapes) shapes_.push_back(engine_.shape(request));
    fill();
  }

  /// One departure and one arrival a step, the time of both counts; then as many once more, each
  /// arrival timed by itself, which takes time of its own.
  void churn() {
    const auto start = cpu_seconds();
    for (std::size_t i = 0; i < kSteps; ++i) step();
    rate_ = static_cast<double>(kSteps) / seconds_since(start);
    std::vector<double> micros;
    micros.reserve(kSteps);
    for (std::size_t i = 0; i < kSteps; ++i) micros.push_back(step_timed());
    std::ranges::sort(micros);
    p99_ = micros[micros.size() * 99 / 100];
    p999_ = micros[micros.size() * 999 / 1000];
  }

  void print(std::string_view name) const {
    fmt::print(
        "{{\"name\":\"{}\",\"nodes\":{},\"shapes\":{},\"placements_per_second\":{:.0f},"
        "\"p99_us\":{:.1f},\"p999_us\":{:.1f},\"node_bytes\":{},\"ranking_bytes_per_node\":{}}}\n",
        name, nodes_, shapes_.size(), rate_, p99_, p999_, node_bytes_,
        engine_.ranking_bytes() / static_cast<std::size_t>(nodes_));
    std::fflush(stdout);
  }

 private:
  double filled() const { return static_cast<double>(milli_) / (nodes_ * kCards * 1000.0); }

  const Shape& next() {
    while (filled() >= kFull) depart();
    return *shapes_[pick_(rng_)];
  }

  void step() {
    const Shape& shape = next();
    if (auto decision = engine_.place(shape, policy_)) book(shape, *decision);
  }

  double step_timed() {
    const Shape& shape = next();
    const auto asked = cpu_seconds();
    if (auto decision = engine_.place(shape, policy_)) book(shape, *decision);
    return seconds_since(asked) * 1e6;
  }

  void book(const Shape& shape, const Decision& decision) {
    std::string id = std::to_string(next_++);
    std::int64_t milli = 0;
    for (const CardSlice& slice : decision.layout.booked) milli += slice.amounts[kCompute];
    if (!engine_.commit({.id = id}, shape, decision)) std::abort();
    milli_ += milli;
    grants_.push_back({std::move(id), milli});
  }

  void depart() {
    const std::size_t at = rng_() % grants_.size();
    engine_.index().release(grants_[at].id);
    milli_ -= grants_[at].milli;
    grants_[at] = std::move(grants_.back());
    grants_.pop_back();
  }

  void fill() {
    int misses = 0;
    while (filled() < kFull && misses < 5000) {
      const Shape& shape = *shapes_[pick_(rng_)];
      if (auto decision = engine_.place(shape, policy_)) {
        book(shape, *decision);
      } else {
        ++misses;
      }
    }
    for (const auto& shape : shapes_) static_cast<void>(engine_.place(*shape, policy_));
  }

  struct Held {
    std::string id;
    std::int64_t milli;
  };
  std::mt19937_64 rng_;
  Workload workload_;
  std::discrete_distribution<std::size_t> pick_{workload_.weights.begin(), workload_.weights.end()};
  const Policy& policy_;
  int nodes_;
  Engine engine_;
  std::vector<std::shared_ptr<const Shape>> shapes_;
  std::vector<Held> grants_;
  std::uint64_t next_ = 0;
  std::int64_t milli_ = 0;
  std::int64_t node_bytes_ = 0;
  double rate_ = 0, p99_ = 0, p999_ = 0;
};

void run(std::string_view name, int nodes, Mix mix, std::string_view policy) {
  Bench bench(nodes, mix, policy);
  bench.churn();
  bench.print(name);
}

}  // namespace
}  // namespace melon::placement

/// All rows, or those whose name and size are given: "fragmentation 10000".
int main(int count, char** words) {
  using namespace melon::placement;
  const std::vector<std::string> asked(words + 1, words + count);
  const auto run = [&asked](std::string_view name, int nodes, Mix mix, std::string_view policy) {
    if (!asked.empty() && (asked[0] != name || (asked.size() > 1 && std::stoi(asked[1]) != nodes)))
      return;
    melon::placement::run(name, nodes, mix, policy);
  };
  run("fragmentation", 5'000, Mix::kCompute, "fragmentation");
  run("fragmentation", 10'000, Mix::kCompute, "fragmentation");
  run("fragmentation", 50'000, Mix::kCompute, "fragmentation");
  run("memory, compute and slots", 10'000, Mix::kAmounts, "fragmentation");
  run("spread", 10'000, Mix::kAmounts, "spread");
  run("binpack", 10'000, Mix::kAmounts, "binpack");
  run("selectors", 10'000, Mix::kSelectors, "fragmentation");
  const auto other = [&asked](std::string_view name, void (*measure)()) {
    if (asked.empty() || asked[0] == name) measure();
  };
  other("gang", gangs);
  other("preemption", preemptions);
  other("explain", explanations);
  other("rebuild", rebuild);
  other("defragmentation", defragmentations);
  other("huge cluster", huge_cluster);
  return 0;
}

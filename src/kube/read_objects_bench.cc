// SPDX-License-Identifier: Apache-2.0
// What reading a large cluster costs.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>

#include "kube/read_objects.h"

namespace melon::kube {
namespace {

/// Nodes as kubectl prints them: eight cards in an annotation, labels, conditions, fifty images.
std::string node_list(std::int64_t nodes) {
  std::string cards = "[";
  for (int i = 0; i < 8; ++i)
    cards += fmt::format(R"({}{{\"id\":\"GPU-{}\",\"count\":10,\"devmem\":81559,\"devcore\":100,)"
                         R"(\"type\":\"NVIDIA H100 80GB HBM3\",\"health\":true}})",
                         i == 0 ? "" : ",", i);
  std::string images;
  for (int i = 0; i < 50; ++i)
    images += fmt::format(R"({}{{"names":["registry.example/team/image-{}@sha256:0123456789abcdef)"
                          R"(0123456789abcdef"],"sizeBytes":123456789}})",
                          i == 0 ? "" : ",\n", i);
  std::string text = R"({"apiVersion":"v1","items":[)";
  for (std::int64_t i = 0; i < nodes; ++i)
    text += fmt::format(
        R"({}{{"apiVersion":"v1","kind":"Node","metadata":{{"name":"node-{}","labels":)"
        R"({{"kubernetes.io/hostname":"node-{}","zone":"a"}},"annotations":)"
        R"({{"hami.io/node-nvidia-register":"{}]"}}}},"spec":{{}},"status":{{"images":[{}],)"
        R"("allocatable":{{"cpu":"128","memory":"1Ti","pods":"110"}},)"
        R"("conditions":[{{"type":"Ready","status":"True"}}]}}}})",
        i == 0 ? "" : ",\n", i, i, cards, images);
  return text + R"(],"kind":"List"})";
}

/// Budget: 10 000 nodes of 8 KiB in 1 s, so that reading never is what one waits for.
void BM_ReadNodeList(benchmark::State& state) {
  const std::string text = node_list(state.range(0));
  for (auto _ : state) {
    Objects objects;
    benchmark::DoNotOptimize(read_objects("bench", text, objects));
    if (objects.nodes.size() != static_cast<std::size_t>(state.range(0)))
      state.SkipWithError("nodes are missing");
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_ReadNodeList)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace melon::kube

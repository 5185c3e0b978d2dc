// SPDX-License-Identifier: Apache-2.0
// Any bytes as a file of nodes, pods or arrivals are read or refused.
#include <cstddef>
#include <cstdint>

#include "simulate/arrivals.h"
#include "simulate/trace.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace melon::simulate;
  const NamedText source{"fuzz", {reinterpret_cast<const char*>(data), size}};
  Trace trace;
  if (auto nodes = read_nodes(source)) trace.nodes = std::move(*nodes);
  if (auto pods = read_pods(source)) trace.pods = std::move(*pods);
  const auto arrivals = read_arrivals(source, trace);
  if (!arrivals && arrivals.error().remedy.empty()) __builtin_trap();
  return 0;
}

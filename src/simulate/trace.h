// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "placement/cluster.h"
#include "placement/fragmentation.h"
#include "placement/pod_request.h"
#include "simulate/csv.h"

namespace melon::simulate {

/// A task of a trace.
struct TracePod {
  std::string name = {};
  std::int64_t cpu_milli = 0;
  std::int64_t memory_mib = 0;
  int cards = 0;
  int card_milli = 0;       // of each card
  std::string models = {};  // accepted, with '|' between them; empty: all

  std::int64_t gpu_milli() const { return std::int64_t{cards} * card_milli; }
};

/// A cluster and the tasks that arrive there. A card has 1000 units of compute and no other
/// dimension; a pod asks for a part of them.
struct Trace {
  std::vector<placement::NodeSpec> nodes = {};
  std::vector<TracePod> pods = {};
};

/// Reads `sn,cpu_milli,memory_mib,gpu,model`. Ranks are by position. Errors: kInvalidArgument with
/// file:line:column, also for a name that occurs twice and more than 200 cards of a node.
Result<std::vector<placement::NodeSpec>> read_nodes(const NamedText& source);

/// Reads `name,cpu_milli,memory_mib,num_gpu,gpu_milli[,gpu_spec]`, where gpu_spec is a list of
/// models with '|' between them. Errors: kInvalidArgument with file:line:column.
Result<std::vector<TracePod>> read_pods(const NamedText& source);

/// What a task asks for, in the engine's words.
placement::PodRequest request_of(const TracePod& pod);

/// The trace's most frequent requests that together are 95 % of its tasks, weighted by frequency:
/// equals by descending cpu, then milli, cards and models. What fragmentation is measured with.
std::vector<placement::TargetShape> target_shapes(const std::vector<TracePod>& pods);

/// Thousandths of all cards.
std::int64_t gpu_milli_of(const std::vector<placement::NodeSpec>& nodes);

}  // namespace melon::simulate

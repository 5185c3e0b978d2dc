// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "placement/index.h"
#include "placement/shape.h"

namespace melon::placement {

/// A rule that keeps a request off a node, in the order in which they are asked. From kUnhealthy to
/// kQuota they are asked of every device.
enum class Rule : std::uint8_t {
  kCordoned,
  kLabels,
  kTaint,
  kPort,
  kPods,
  kCpu,
  kMemory,
  kEphemeral,
  kExtended,
  kDevices,  // too few of the kind
  kUnhealthy,
  kDeviceCordoned,
  kType,
  kUuid,
  kSlots,
  kShared,  // asked for alone, and somebody is on it
  kDeviceMemory,
  kCompute,
  kExtra,
  kNoPlace,       // cut in hardware, and no place of a slice is free
  kUniformSlice,  // slices of another size are on it
  kQos,           // another class of service is
  kAppClass,      // users that online or offline ones do not join
  kComputeTaken,  // asked for without compute, and all of it is taken
  kQuota,         // what it takes of the device is more than the namespace may have
  kTooFew,        // some devices take a slice, but fewer than are asked for
  kOneGroup,      // enough devices do, but not in one NUMA node or link group
  kSet,           // enough devices do, but none of the sets that the vendor's devices work in
  kTogether,      // each container would fit by itself
  kSplit,         // neither whole nor in the pieces that the request allows
};
inline constexpr std::size_t kRules = static_cast<std::size_t>(Rule::kSplit) + 1;

/// "device_memory": the rule's name in JSON.
std::string_view word_of(Rule rule);

/// The first rule that keeps a request off one node, with its numbers.
struct Obstacle {
  Rule rule = Rule::kTogether;
  std::string subject = {};  // label, taint, port or resource; empty where the rule says it all
  std::int64_t asked = 0;
  std::int64_t found = 0;  // most that the node, or one of its devices, has to offer
  /// By rule: how many devices of the node fail it first. Only where the obstacle is about devices.
  std::array<std::uint16_t, kRules> devices{};
  std::uint16_t of_kind = 0;  // devices of the kind that is asked for
  std::uint16_t fitting = 0;  // of them, those that would take a slice
};

/// Nodes that the same rule keeps away.
struct ObstacleGroup {
  Obstacle obstacle = {};  // of the node that offers most
  std::int64_t nodes = 0;
  std::string example = {};  // that node
};

/// "8000 MiB asked, most free device has 5120".
std::string to_text(const Obstacle& obstacle);

/// The first obstacle on a node, or nothing where the rules let the request in. kTogether is not
/// told here: it takes a search to know.
std::optional<Obstacle> obstacle_on(const Index& index, const Shape& shape, std::uint32_t node);

/// What one device says to a slice, as if it were the only one of its request.
struct DeviceAnswer {
  std::string uuid = {};
  Amounts asked = {};    // what the slice would take of it, but for places
  Amounts offered = {};  // the most that one slice may have of it now
  /// By which it refuses: of those about what it has all, of others the first; empty: it takes it.
  std::vector<Rule> rules = {};
};

/// The answers of a node's devices to the first demand of a request, of those of its vendor; in the
/// order of the devices. Empty where it has no demand.
std::vector<DeviceAnswer> device_answers(const Index& index, const Shape& shape,
                                         std::uint32_t node);

/// Of a request that fits nowhere: why each node does not take it, alike ones together; most nodes
/// first. Takes time in proportion to the devices.
std::vector<ObstacleGroup> explain(const Index& index, const Shape& shape);

/// Of a request that fits nowhere and may be split: why it is not, on how many nodes, and the node
/// that has most in as many pieces as are allowed. Nothing where the request does not allow it, and
/// where on every node something beside devices is in the way, which explain() tells.
std::optional<ObstacleGroup> explain_split(const Index& index, const Shape& shape);

/// What one number of a request would have to be for it to fit somewhere.
struct Nearest {
  Rule rule =
      Rule::kDeviceMemory;  // kDeviceMemory, kCompute, kTooFew (fewer devices), kCpu, kMemory
  std::size_t container = 0;
  std::int64_t asked = 0;
  std::int64_t fits = 0;
  std::string node = {};
  PodRequest request = {};  // with the smaller number
};

/// Requests with one smaller number, each of which some node's rules let in: the largest that
/// would, number by number. The caller asks the engine which of them it really places.
std::vector<Nearest> nearest(const Index& index, const Shape& shape);

/// "with 5120 MiB instead of 8000 it would fit on gpu-7".
std::string to_text(const Nearest& nearest);

}  // namespace melon::placement

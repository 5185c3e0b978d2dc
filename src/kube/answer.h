// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kube/objects.h"

namespace melon::kube {

/// What a container gets of one device.
struct PlacedDevice {
  std::string uuid = {};
  std::string backend = {};  // the vendor's word: "NVIDIA", "Ascend910B3"
  std::string type = {};     // as the node registered it
  std::int64_t memory_mib = 0;
  std::int64_t compute = 0;  // in the vendor's unit

  bool operator==(const PlacedDevice&) const = default;
};

struct PlacedContainer {
  std::string name = {};
  std::vector<PlacedDevice> devices = {};
  TextMap environment = {};  // that its devices' node would give it

  bool operator==(const PlacedContainer&) const = default;
};

/// Why nodes do not take a pod: one rule with its numbers, and how many nodes it keeps away.
struct Reason {
  std::string text = {};
  std::int64_t nodes = 0;
  std::string example = {};  // one of the nodes

  bool operator==(const Reason&) const = default;
};

/// Pods whose end would make room.
struct Victims {
  std::string node = {};
  std::vector<std::string> pods = {};  // "default/web"; the lowest priority first
  std::int64_t highest_priority = 0;
  bool is_least = true;  // the search came to its end: no smaller set would do

  bool operator==(const Victims&) const = default;
};

/// What would become of one pod.
struct Answer {
  std::string pod = {};      // "default/web"
  std::string refusal = {};  // why it would not be admitted at all; empty: it would
  std::string remedy = {};   // of the refusal
  std::string node = {};     // empty: no node takes it
  std::vector<PlacedContainer> containers = {};  // those that ask for devices, in the pod's order
  TextMap annotations = {};                      // that would be written on the pod
  std::string policy = {};                       // that chose
  std::string policy_reason = {};                // why that one
  std::vector<Reason> reasons = {};              // without a node; most nodes first
  std::string nearest = {};                      // what would fit; empty: nothing is near
  std::optional<Victims> preemption = {};        // only where it was asked for
  std::vector<std::string> not_evaluated = {};   // what decides too in a cluster

  bool is_placed() const { return !node.empty(); }
};

/// How many more of one pod fit.
struct Capacity {
  std::int64_t fit = 0;
  bool at_least = false;             // nothing bounds it, or more than anybody counts
  std::vector<Reason> by_node = {};  // `text` is a node, `nodes` how many it takes; most first
  Answer next = {};                  // of the first that does not fit: what blocks it
};

/// Equal pods that start together or not at all.
struct GangFit {
  std::int64_t asked = 0;
  std::int64_t fit = 0;
  std::vector<Reason> by_node = {};  // as in Capacity
  std::optional<Answer> next = {};   // of the first that does not fit: what blocks it

  bool is_placed() const { return fit == asked; }
};

/// A device by its node.
struct NodeDevice {
  std::string node = {};
  std::string device = {};

  bool operator==(const NodeDevice&) const = default;
};

/// A pod that moves: it ends, and starts anew elsewhere.
struct PodMove {
  std::string pod = {};  // "default/web"
  std::string from = {};
  std::vector<std::string> from_devices = {};
  std::string to = {};
  std::vector<std::string> to_devices = {};
  std::vector<NodeDevice> frees = {};  // devices on which nobody is after it; of several moves that
                                       // free them together the last one's
};

/// Which moves, in this order, free whole devices.
struct MoveAdvice {
  std::vector<PodMove> moves = {};
  std::int64_t free_before = 0;  // devices on which nobody is
  std::int64_t free_after = 0;
  std::vector<Reason> kept = {};  // why pods on devices may not move; `nodes`: how many pods
};

/// "default/web: gpu-1 GPU-a -> gpu-2 GPU-b".
std::string to_text(const PodMove& move);

/// The shapes that `-o json` prints; docs/reference/json.md names their keys.
nlohmann::ordered_json to_json(const Answer& answer);
nlohmann::ordered_json to_json(const Capacity& capacity);
nlohmann::ordered_json to_json(const GangFit& gang);
nlohmann::ordered_json to_json(const MoveAdvice& advice);
nlohmann::ordered_json to_json(const std::vector<SetAside>& set_aside);

}  // namespace melon::kube

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "kube/cluster.h"
#include "kube/objects.h"
#include "vendors/backend.h"

namespace melon::kube::detail {

/// A device that a node announced, for the engine and for annotations.
struct FoundDevice {
  placement::DeviceSpec spec = {};
  AnnouncedDevice announced = {};
  std::optional<vendors::PartitionTable> table = {};  // of a device that is cut in hardware
};

/// The devices of one backend that a node announced: by the first registration that it has; empty
/// when it has none. Errors: kInvalidArgument naming annotation, place and rule.
Result<std::vector<FoundDevice>> announced_devices(const vendors::Catalogue& catalogue,
                                                   vendors::BackendId id, const Node& node,
                                                   vendors::Compatibility compat);

/// How well the devices of one backend are linked, as their node says; empty when it says nothing.
/// Errors: as above.
Result<std::vector<placement::DeviceLink>> announced_links(const vendors::Backend& backend,
                                                           const Node& node);

/// What a node's annotations say of taking so many devices of one backend together; empty where its
/// descriptor names none, or the node has none. Errors: as above.
Result<placement::ScoreTables> announced_scores(const vendors::Backend& backend, const Node& node);

/// What a pod's annotation tells of one device.
struct ToldSlice {
  std::string uuid = {};
  std::int64_t memory_mib = 0;
  std::int64_t compute = 0;  // in the backend's unit; of a mask its number of cores
  std::string profile = {};  // of a device that is cut, where it is told
  std::int32_t places = 0;   // as bits
  std::int64_t cores = 0;    // as bits, where compute is counted in cores
};

/// What a pod's annotations tell of one backend.
struct ToldPod {
  std::vector<std::vector<ToldSlice>> containers = {};  // in the pod's order; empty: nothing told
  /// Why the places of its slices can not be read, where they are told: the slices are there
  /// without.
  std::optional<Error> unread_places = {};
};

/// Errors: as above.
Result<ToldPod> told_slices(const vendors::Backend& backend, const Pod& pod);

}  // namespace melon::kube::detail

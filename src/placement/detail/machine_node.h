// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "core/device.h"
#include "core/request.h"
#include "placement/cluster.h"
#include "placement/pod_request.h"
#include "placement/refusal.h"

namespace melon::placement::detail {

/// What the only node of a machine's cluster is called.
inline constexpr const char* kThisNode = "this machine";

/// Bounded by what the engine counts: what exceeds it fits nowhere.
Amounts amounts_of(std::int64_t slots, MiB memory, Permille compute);

/// The machine as a node: slots are the grants that a device may have, compute is in permille.
/// Nothing beside devices is short.
NodeSpec node_of(const std::vector<core::Device>& devices, const Limits& limits);

/// What a request takes of each device, on any of them.
DeviceDemand demand_of(const core::Request& request);

/// The demand with an absolute amount of memory, on devices that others are on as well.
DeviceDemand with_memory(DeviceDemand demand, std::int32_t amount);
DeviceDemand with_compute(DeviceDemand demand, std::int32_t amount);

}  // namespace melon::placement::detail

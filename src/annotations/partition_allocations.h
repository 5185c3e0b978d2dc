// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace melon::annotations {

/// What the node made for an allocation.
struct PartitionInstance {
  std::string uuid = {};  // "MIG-..."
  std::int64_t gpu_instance = 0;
  std::int64_t compute_instance = 0;

  bool operator==(const PartitionInstance&) const = default;
};

/// One profile of one device for one container.
struct PartitionAllocation {
  std::int64_t container = 0;  // position
  std::int64_t device = 0;     // position in the container
  std::string gpu_uuid = {};
  std::string profile = {};
  std::int64_t start = 0;
  std::int64_t size = 0;
  std::optional<PartitionInstance> instance = {};

  bool operator==(const PartitionAllocation&) const = default;
};

inline constexpr std::string_view kPartitionAllocations = "hami.io/vgpu-mig-allocations";

std::string encode_partition_allocations(const std::vector<PartitionAllocation>& allocations);

/// Errors: kInvalidArgument for what is not JSON of that form, an instance of which only a part is
/// there, and two allocations of one container's device.
Result<std::vector<PartitionAllocation>> decode_partition_allocations(std::string_view text);

}  // namespace melon::annotations

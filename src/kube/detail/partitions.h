// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "annotations/registration.h"
#include "placement/pod_request.h"
#include "vendors/backend.h"

namespace melon::kube::detail {

/// The table by which a device is cut in hardware: what its node read, else what the descriptor
/// knows of its model. Null where it is not cut, or nobody knows how.
const vendors::PartitionTable* table_of(const vendors::Backend& backend,
                                        const annotations::RegisteredDevice& device);

/// Places start .. start + size - 1 as bits of placement::kPlaces; 0 for what is no place.
std::int32_t places_of(std::int64_t start, std::int64_t size);

/// Where the profile would be cut next, as bits; 0 where none of its places is free.
std::int32_t free_places(const vendors::PartitionProfile& profile, std::int32_t free);

/// All places that slices of the table may have.
std::int32_t all_places(const vendors::PartitionTable& table);

/// What a device offers in the table's compute units: never the reason why a slice has no place.
std::int64_t whole_compute(const vendors::PartitionTable& table);

/// How a demand cuts devices of a type: into the smallest profile that holds it. Without places
/// where no profile is large enough. A share of a device is counted in places.
placement::PartitionChoice choice_of(const vendors::PartitionTable& table, std::string_view type,
                                     const vendors::Demand& demand);

/// The profile of this name, or of this memory; null when there is none.
const vendors::PartitionProfile* find_profile(const vendors::PartitionTable& table,
                                              std::string_view name, std::int64_t memory_mib);

}  // namespace melon::kube::detail

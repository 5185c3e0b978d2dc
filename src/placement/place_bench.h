// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "placement/cluster.h"

namespace melon::placement {

inline constexpr int kCards = 8;  // of each node
inline constexpr std::int32_t kMemoryMib = 81'920;

/// Time of this thread on its core, so that what else the machine does is not counted.
double cpu_seconds();
inline double seconds_since(double start) { return cpu_seconds() - start; }

/// A node of the clusters that are measured.
NodeSpec node(int number);

// Each prints its rows.
void gangs();
void preemptions();
void explanations();
void rebuild();
void defragmentations();
void huge_cluster();

}  // namespace melon::placement

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "core/device.h"
#include "core/grant.h"

namespace melon::placement {

/// A device of one machine and what is booked on it.
struct DeviceState {
  core::Device device = {};
  MiB booked_memory = {};
  Permille booked_compute = {};
  int grants = 0;  // slices on it; a request for a whole device needs 0
};

/// How much of a device may be booked: 1000 permille of each unless the daemon's configuration
/// overcommits explicitly.
struct Limits {
  Permille memory{1000};
  Permille compute{1000};
  int grants = std::numeric_limits<int>::max();  // that share one device, however little they hold
};

/// One rule that one device failed.
struct Rejection {
  std::string device = {};  // Device::id; empty: the request as a whole
  /// "device", "type", "cpu", "health", "held", "enforcement", "queue", "grants", "whole",
  /// "memory", "compute", "count"
  std::string rule = {};
  std::string message = {};  // the figures, in a sentence
};

/// Why a request does not fit, and the largest amounts that would: asked for, they are placed, and
/// one granule (1 MiB, 1 permille) more is refused.
struct Refusal {
  std::vector<Rejection> rejections = {};
  std::optional<MiB> memory_that_fits = {};        // with the compute as asked
  std::optional<Permille> compute_that_fits = {};  // with the memory as asked
  bool together = false;      // neither alone would do: ask for both of the above at once
  bool can_ever_fit = false;  // with every grant released
};

using Placement = std::vector<core::Slice>;

/// How one device stands for a request: by which rules it is refused, or what it would leave.
struct Standing {
  std::string device = {};
  std::vector<Rejection> rejections = {};  // empty: it fits
  MiB memory_left = {};
  Permille compute_left = {};
};

}  // namespace melon::placement

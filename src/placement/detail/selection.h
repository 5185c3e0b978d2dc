// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/device.h"
#include "core/request.h"
#include "placement/refusal.h"

namespace melon::placement::detail {

/// Whether a request that names a device means this one: by its id or an alias.
bool is_named(const core::Device& device, std::string_view name);

/// One device, and whether a request may be placed on it as far as amounts are not concerned.
struct Candidate {
  const core::Device* device = nullptr;  // never null
  bool is_offered = false;
  std::optional<Rejection> barred = {};  // why it is not; empty: it is beside the point
};

/// Under which conditions devices are offered to a request.
struct Conditions {
  bool whatever_health = false;                     // also those that can not be used now
  const std::set<std::string>* reserved = nullptr;  // ids, kept for others; null: none
};

/// Which of a machine's devices a request means. The words of people, parts of types and aliases,
/// end here: from here on there are lists of devices.
struct Selection {
  std::vector<Candidate> candidates = {};  // in the order of the devices
  bool is_named = false;                   // one is the device that the request names
  bool is_matched = false;                 // one is of the device and the type asked for

  /// The ids of all devices that are not offered.
  std::vector<std::string> not_offered() const;
};

/// A CPU device is offered only where no device of another kind is of the device and type asked
/// for. `among` outlives the answer.
Selection select(const std::vector<const core::Device*>& among, const core::Request& request,
                 const Conditions& conditions);

}  // namespace melon::placement::detail

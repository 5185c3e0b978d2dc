// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/quantity_text.h"
#include "base/units.h"

namespace melon::core {

/// hard: never above. weighted: work-conserving, in proportion. burst: a guarantee, and idle
/// compute up to a ceiling.
enum class ShareMode { kHard, kWeighted, kBurst };
enum class Priority { kLow, kNormal, kHigh };

/// What a workload asks for. Values are per device.
struct Request {
  std::optional<MemoryAmount> memory = {};  // empty: the whole device, which must be free
  std::optional<Permille> compute = {};     // empty: weighted, books nothing
  std::optional<ShareMode> share = {};      // empty: hard with compute, weighted without
  int weight = 100;  // 1 to 10000; meaning only beside other weighted tenants
  std::optional<Permille> max_compute = {};  // burst's ceiling; empty: the whole device
  Priority priority = Priority::kNormal;
  int count = 1;            // devices, 1 to 16
  std::string device = {};  // an id; empty: any
  std::string type = {};    // a kind, a vendor's id or part of a type; empty: any
  bool unenforced = false;  // accept a device whose limits nobody keeps

  ShareMode share_mode() const {
    return share.value_or(compute ? ShareMode::kHard : ShareMode::kWeighted);
  }
  /// What the request books of each device: weighted books nothing.
  Permille booked() const {
    return share_mode() == ShareMode::kWeighted ? Permille(0) : compute.value_or(kWholeDevice);
  }
  bool operator==(const Request&) const = default;
};

}  // namespace melon::core

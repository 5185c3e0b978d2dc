// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "vendors/compatibility.h"
#include "vendors/decision.h"

namespace melon::annotations {

/// A device as a pod's annotation has it.
struct PodDevice {
  std::string uuid = {};
  std::string type = {};
  MiB memory = {};
  std::int64_t compute = 0;  // in the backend's unit

  bool operator==(const PodDevice&) const = default;
};

/// For each container, initial ones first.
using PodDevices = std::vector<std::vector<PodDevice>>;

/// "uuid,type,memory,compute:" for each device, ";" after each container.
std::string encode_pod_devices(const PodDevices& devices);

/// Reads it back; the last ":" and ";" may be missing. Compatible: what follows the last ";" counts
/// as a container, so that there is always an empty one at the end. Errors: kInvalidArgument naming
/// container, device and field.
Result<PodDevices> decode_pod_devices(std::string_view text, vendors::Compatibility mode);

/// The devices that a pod's annotations say it has of this backend, from its current key or else a
/// historic one; nothing without such a key. Errors: those of decode_pod_devices(), naming the key.
Result<std::optional<PodDevices>> allocated_devices(
    const vendors::Backend& backend, const std::map<std::string, std::string>& annotations);

/// Every annotation that a decision writes on its pod for this backend. Errors: as
/// vendors::fixed_annotations_of().
Result<std::map<std::string, std::string>> annotations_of(const vendors::Backend& backend,
                                                          const vendors::Decision& decision);

/// How releases up to 2.9 name a MIG instance: "GPU-x[7-9]".
struct MigInstance {
  std::string gpu_uuid = {};
  std::int64_t geometry = 0;
  std::int64_t place = 0;

  bool operator==(const MigInstance&) const = default;
};

/// Errors: kInvalidArgument.
Result<MigInstance> decode_mig_instance(std::string_view text);

}  // namespace melon::annotations

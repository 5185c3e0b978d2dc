// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "config/descriptors.h"

namespace melon::config {

/// The name by which a folder of descriptors holds HAMi's own configuration of devices.
inline constexpr std::string_view kHamiDeviceConfig = "device-config.yaml";
/// The same of the settings of its device plugin on single nodes.
inline constexpr std::string_view kHamiNodeConfig = "config.json";

/// Changes descriptors to what HAMi's device-config.yaml says: renamed resources, defaults, units,
/// templates, settings of nodes (also those of its config.json). The text may be the file or the
/// ConfigMap that holds it. Returns what it says that
/// has no meaning here ("FILE:LINE: nvidia.deviceSplitCount is not used: ..."). Errors:
/// kInvalidArgument, "FILE:LINE: rule", with a remedy; the descriptors may have been changed in
/// part then.
Result<std::vector<std::string>> apply_hami_device_config(
    const TextFile& file, std::vector<vendors::Descriptor>& descriptors);

}  // namespace melon::config

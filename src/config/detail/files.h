// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace melon::config::detail {

/// The whole content of a file of at most 1 MiB. Errors: kNotFound, kPermissionDenied,
/// kInvalidArgument when it is larger or no regular file.
Result<std::string> read_file(const std::string& path);

/// The paths of all *.yaml files in a folder, and of HAMi's config.json, sorted. Errors: as
/// read_file().
Result<std::vector<std::string>> yaml_files_in(const std::string& folder);

}  // namespace melon::config::detail

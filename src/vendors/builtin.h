// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/embedded.h"

namespace melon::embedded {

/// The descriptors of this folder, as built into the binary.
std::span<const File> vendor_files();

}  // namespace melon::embedded

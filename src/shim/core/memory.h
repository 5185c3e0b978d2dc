// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace melon::shim {

constexpr std::size_t kPathBytes = 4096;

/// Joins with '/' into `out`; false when it does not fit.
bool join_path(char (&out)[kPathBytes], const char* folder, const char* name);

/// Zero-filled memory of this process, or nullptr.
void* map_anonymous(std::size_t bytes);

}  // namespace melon::shim
